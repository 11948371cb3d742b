// Subscriber: one event stream of the load, read by the real parser. It checks the sequences of its topics, whatever
// connection the bytes come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "load.h"
#include "millrace/core/event.h"
#include "millrace/core/event_stream_parser.h"
#include "tally.h"

namespace millrace::load {

class Subscriber {
 public:
  /// The one with this number, which expects `next_sequence` of each of its topics.
  Subscriber(const Load& load, std::size_t number, std::uint64_t next_sequence)
      : number_(number), next_sequences_(load.topics_each, next_sequence) {}

  std::size_t number() const { return number_; }

  /// The path of its request.
  std::string target(const Load& load) const;

  /// Takes bytes of the event stream, which came at `now`, and counts its events. Throws std::runtime_error if an event
  /// is of another topic.
  void read(const Load& load, std::string_view bytes, std::int64_t now, Tally& tally);

 private:
  std::size_t first_topic(const Load& load) const { return number_ * load.topics_each % load.topics; }
  std::size_t topic_of(const Load& load, const MessageEvent& event) const;
  void count(const Load& load, const MessageEvent& event, std::int64_t now, Tally& tally);

  const std::size_t number_;
  std::vector<std::uint64_t> next_sequences_;  // of each of its topics
  EventStreamParser parser_;
};

}  // namespace millrace::load
