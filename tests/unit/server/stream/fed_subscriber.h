// FedSubscriber: a subscriber of a hub, with its output, in a test that takes the turns of its loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lone_hub.h"
#include "scripted_outlet.h"
#include "stream/subscriber.h"
#include "stream_decoder.h"

namespace millrace::test {

inline TimePoint time_zero() {
  return TimePoint{};
}

inline Feed::Options keeping(std::size_t events) {
  return {.history_events = events, .history_bytes = 64 * 1024 * 1024, .epoch = "ep", .clock = time_zero};
}

// Fed by the hub as by an event loop.
class FedSubscriber final : public Feed::Sink {
 public:
  FedSubscriber(LoneHub& hub, const std::vector<std::string>& patterns, WireForm form = {}, bool poll = false,
                CursorForm cursor = CursorForm::kEvent)
      : subscriber(hub, output,
                   {.filter = filter_for(patterns), .client = "", .form = form, .cursor = cursor, .poll = poll}),
        hub_(hub),
        form_(form) {
    hub_.attach(*this);
  }
  ~FedSubscriber() { hub_.detach(*this); }

  void start(std::string_view last_event_id = {}, std::string_view preface = {}) {
    subscriber.start(hub_.resolve(last_event_id), last_event_id, preface, Duration{1'500});
  }

  void post(const FramePtr& frame) override {
    if (subscriber.filter().matches(*frame->topic)) posted_.push_back(frame);
    head_ = frame->sequence;
  }

  // What a turn of a loop does.
  void deliver() {
    const auto due = subscriber.due(posted_);
    if (!due.empty()) subscriber.wrote(due, output.write(due, 0, form_));
    posted_.clear();
    delivered_ = head_;
  }
  void heartbeat() { subscriber.heartbeat(delivered_); }
  // As a loop does, where `served` is what has been delivered.
  void listen_to(const std::vector<std::string>& patterns, const std::vector<std::string>& with_state) {
    subscriber.listen_to(filter_for(patterns), with_state.empty() ? nullptr : filter_for(with_state), delivered_);
    posted_.clear();
  }

  // The output takes everything from here on.
  void drain() {
    output.room = ScriptedOutlet::kUnlimited;
    do {
      output.yielded = false;
      subscriber.catch_up();
    } while (output.yielded);
    deliver();
  }

  StreamDecoder decoded() const {
    StreamDecoder decoder(is_chunked(form_), is_gzip(form_));
    decoder.feed(output.bytes);
    return decoder;
  }

  ScriptedOutlet output;
  Subscriber subscriber;

 private:
  LoneHub& hub_;
  const WireForm form_;
  std::vector<FramePtr> posted_;
  std::uint64_t head_ = 0;
  std::uint64_t delivered_ = 0;
};

inline std::vector<std::string> data_of(const StreamDecoder& decoder) {
  std::vector<std::string> result;
  for (const Received& event : decoder.events()) result.push_back(event.data);
  return result;
}

using Data = std::vector<std::string>;

}  // namespace millrace::test
