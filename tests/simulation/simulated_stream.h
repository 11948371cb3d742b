// SimulatedServer::Stream: what the side of a Connection is in the server that writes an event stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/limits.h"
#include "simulated_loop.h"

namespace millrace::simulation {

class SimulatedServer::Stream final : public Subscriber::Outlet, public TimerWheel::Timer, public Wire::ServerEnd {
 public:
  Stream(Loop& loop, std::shared_ptr<Wire> wire) : loop_(loop), wire_(std::move(wire)) { wire_->attach(*this); }
  ~Stream() {
    loop_.subscribers().remove(*subscriber_);
    loop_.timers().cancel(*this);
    loop_.timers().cancel(interval_timer_);
  }

  void begin(const Request& request, const Feed::Cursor& cursor) {
    const Options& options = loop_.server().options_;
    if (options.lifetime > Duration{0}) ends_at_ = loop_.server().schedule_.now() + options.lifetime;
    set_deadline();
    polls_ = request.poll;
    subscriber_ = std::make_unique<Subscriber>(
        loop_.hub(), *this,
        Subscriber::Subscription{.filter = loop_.subscribers().shared(request.filter),
                                 .client = {},
                                 .form = {.coding = request.http_1_0 ? WireCoding::kPayload : WireCoding::kChunk},
                                 .cursor = request.cursor,
                                 .poll = request.poll,
                                 .conflate = request.conflate});
    loop_.subscribers().add(*subscriber_);
    // For the view, which numbers of the record the stream's state ends before, and which are known to be gone.
    const Record& record = loop_.server().record_;
    const auto number_of = [&](std::uint64_t sequence) {
      return std::to_string(sequence == 0 ? 0 : record.place_of(sequence));
    };
    const std::string head = std::string(request.http_1_0 ? kHead10 : kHead11) +
                             "X-State: " + number_of(cursor.state_until) +
                             "\r\nX-Forgiven: " + number_of(cursor.forgiven) + "\r\n\r\n";
    if (subscriber_->interval() > Duration{0}) loop_.set_timer(interval_timer_, subscriber_->interval());
    subscriber_->start(cursor, request.last_event_id, head, request.poll ? kPollRetry : options.retry);
  }

  void on_interval() {
    if (phase_ != Phase::kStreaming) return;
    loop_.set_timer(interval_timer_, subscriber_->interval());
    loop_.reading().refill(loop_.server().options_.read_work);
    subscriber_->next_interval();
  }

  std::uint64_t listen_to(const std::shared_ptr<const TopicFilter>& filter,
                          const std::shared_ptr<const TopicFilter>& with_state) {
    SubscriberTable& table = loop_.subscribers();
    const auto shared = table.shared(filter);
    const std::uint64_t served = table.served(*subscriber_);
    table.remove(*subscriber_);
    const std::uint64_t place = subscriber_->listen_to(shared, with_state, served);
    table.add(*subscriber_);
    return loop_.server().record_.place_of(place);
  }

  void retire(Duration retry) {
    if (phase_ == Phase::kStreaming && !subscriber_->retire(retry)) close();
  }

  void close() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    wire_->abandon(false);
    loop_.discard(*this);
  }

  bool is_streaming() const { return phase_ == Phase::kStreaming; }
  bool is_on(const std::shared_ptr<Wire>& wire) const { return wire_ == wire && is_streaming() && !polls_; }
  Wire& wire() { return *wire_; }

  void on_timer(TimePoint now) override {
    if (phase_ == Phase::kResponding) return close();
    if (phase_ != Phase::kStreaming) return;
    if (ends_at_ != TimePoint{} && now >= ends_at_) {
      SimulatedServer& server = loop_.server();
      return retire(server.options_.retry + server.random_.between(Duration{0}, server.options_.retry));
    }
    subscriber_->heartbeat(loop_.subscribers().served(*subscriber_));
    if (phase_ == Phase::kStreaming) set_deadline();
  }

  void on_writable() override {
    if (phase_ == Phase::kResponding) return write_rest();
    if (phase_ != Phase::kStreaming) return;
    loop_.reading().refill(loop_.server().options_.read_work);
    subscriber_->catch_up();
    stop_writing();
  }

  void on_closed() override { close(); }

  // What goes to many at once.
  std::size_t write_chunks(std::string_view chunks) {
    if (wire_->is_reset()) {
      close();
      return 0;
    }
    const std::size_t taken = wire_->write(chunks);
    if (taken < chunks.size()) wire_->want_writable(true);
    set_deadline();
    return taken;
  }

 private:
  static constexpr std::string_view kHead11 =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
  static constexpr std::string_view kHead10 =
      "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";

  enum class Phase : std::uint8_t { kStreaming, kResponding, kClosed };

  std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) override {
    std::size_t written = 0;
    for (const FramePtr& frame : frames) {
      if (phase_ != Phase::kStreaming) return written;
      if (wire_->is_reset()) {
        close();
        return written;
      }
      std::string_view bytes = frame->wire(form);
      bytes.remove_prefix(std::exchange(skip, 0));
      const std::size_t taken = wire_->write(bytes);
      written += taken;
      if (taken < bytes.size()) {
        wire_->want_writable(true);
        return written;
      }
    }
    set_deadline();
    return written;
  }

  void yield() override { wire_->want_writable(true); }
  WorkBudget& reading() override { return loop_.reading(); }

  void end() override {
    phase_ = Phase::kResponding;
    rest_ = subscriber_->ending();
    loop_.set_timer(*this, Duration{30'000});
    write_rest();
  }

  void on_gap() override {}

  // Some time later the store is read, and some time after that the page is here.
  void read_stored(const Place& place) override { load_later(place, subscriber_->reads(), loop_.server().soon()); }

  void load_later(const Place& place, const std::shared_ptr<const TopicFilter>& filter, Duration after) {
    loop_.server().schedule_.after(after, [this, place, filter, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) load(place, filter);
    });
  }

  void load(const Place& place, const std::shared_ptr<const TopicFilter>& filter) {
    const Feed::PagePtr page = loop_.server().stored_page(place, filter);
    if (page == nullptr) return load_later(place, filter, kStoreRetry);
    loop_.server().schedule_.after(loop_.server().soon(), [this, page, alive = std::weak_ptr(alive_)] {
      if (alive.expired() || phase_ != Phase::kStreaming) return;
      loop_.reading().refill(loop_.server().options_.read_work);
      subscriber_->take_stored(*page);
      stop_writing();
    });
  }

  void stop_writing() {
    const bool is_streaming = phase_ == Phase::kStreaming;
    if (is_streaming && (subscriber_->is_live() || subscriber_->awaits_stored())) wire_->want_writable(false);
  }

  void write_rest() {
    rest_.erase(0, wire_->write(rest_));
    wire_->want_writable(!rest_.empty());
    if (!rest_.empty()) return;
    phase_ = Phase::kClosed;
    wire_->finish();
    loop_.discard(*this);
  }

  void set_deadline() {
    Duration after = kHeartbeatInterval;
    if (ends_at_ != TimePoint{}) after = std::min(after, ends_at_ - loop_.server().schedule_.now());
    loop_.set_timer(*this, after);
  }

  Loop& loop_;
  const std::shared_ptr<Wire> wire_;
  struct IntervalTimer final : TimerWheel::Timer {
    explicit IntervalTimer(Stream& of) : stream(of) {}
    void on_timer(TimePoint) override { stream.on_interval(); }
    Stream& stream;
  };
  IntervalTimer interval_timer_{*this};
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<Subscriber> subscriber_;
  Phase phase_ = Phase::kStreaming;
  bool polls_ = false;
  TimePoint ends_at_{};
  std::string rest_;
};

}  // namespace millrace::simulation
