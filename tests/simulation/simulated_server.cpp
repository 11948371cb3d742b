#include "simulated_server.h"

#include <algorithm>
#include <future>
#include <utility>

#include "millrace/server/limits.h"
#include "millrace/server/topic_filter.h"

namespace millrace::simulation {

namespace {

constexpr std::string_view kHead11 =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
constexpr std::string_view kHead10 = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";

}  // namespace

// --- Loop -----------------------------------------------------------------------------------------------------------

class SimulatedServer::Loop final : public Feed::Sink, private DeliveryWriter {
 public:
  explicit Loop(SimulatedServer& server) : server_(server), timers_(server.schedule_.now()) { hub().attach(*this); }
  ~Loop();

  void post(const FramePtr& frame) override {
    has_missed_frames_ = has_missed_frames_ || posted_.size() >= server_.options_.max_posted;
    if (!has_missed_frames_) posted_.push_back(frame);
    expect_turn();
  }

  void post_page(std::uint64_t, const Feed::PagePtr&) override {}  // streams read their pages themselves

  void add(std::unique_ptr<Stream> stream) { streams_.push_back(std::move(stream)); }
  void discard(Stream& stream) {
    discarded_.push_back(&stream);
    expect_turn();
  }
  void set_timer(TimerWheel::Timer& timer, Duration after) {
    timers_.set(timer, server_.schedule_.now() + after);
    expect_timers();
  }

  SimulatedServer& server() { return server_; }
  test::LoneHub& hub() { return *server_.hub_; }
  SubscriberTable& subscribers() { return subscribers_; }
  TimerWheel& timers() { return timers_; }
  WorkBudget& reading() { return reading_; }
  /// Events that wait to be delivered.
  std::size_t waiting() const { return posted_.size() + subscribers_.batched(); }
  std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
  const std::vector<std::unique_ptr<Stream>>& streams() const { return streams_; }

 private:
  void expect_turn();
  void turn();
  void write(std::span<Delivery> deliveries) override;
  void on_served(TimePoint) override {}
  void expect_timers();

  SimulatedServer& server_;
  TimerWheel timers_;
  SubscriberTable subscribers_;
  WorkBudget reading_;  // what is left of it is whose turn comes next
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> discarded_;
  std::vector<FramePtr> posted_;
  bool has_missed_frames_ = false;
  bool turn_expected_ = false;
  TimePoint timers_expected_ = TimePoint::max();
};

// --- Stream ---------------------------------------------------------------------------------------------------------

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

SimulatedServer::Loop::~Loop() {
  hub().detach(*this);
}

void SimulatedServer::Loop::expect_turn() {
  if (std::exchange(turn_expected_, true)) return;
  server_.schedule_.after(server_.soon(), [this, life = server_.life_, &server = server_] {
    if (server.life_ == life) turn();
  });
}

void SimulatedServer::Loop::turn() {
  turn_expected_ = false;
  const bool takes_posted = subscribers_.batched() < server_.options_.max_posted;
  if (takes_posted) {
    std::vector<FramePtr> taken;
    taken.swap(posted_);
    subscribers_.post(taken);
    if (std::exchange(has_missed_frames_, false)) {
      subscribers_.for_each([](Subscriber& subscriber) { subscriber.fall_behind(); });
    }
  }
  if (subscribers_.has_more()) subscribers_.serve(server_.options_.served_at_once, *this);
  for (Stream* stream : discarded_) {
    std::erase_if(streams_, [&](const auto& each) { return each.get() == stream; });
  }
  discarded_.clear();
  if (subscribers_.has_more() || !takes_posted) expect_turn();
}

void SimulatedServer::Loop::write(std::span<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) {
    auto& stream = static_cast<Stream&>(delivery.subscriber->outlet());
    if (!delivery.chunks.empty() && stream.is_streaming()) {
      delivery.written = stream.write_chunks(delivery.chunks);
    } else {
      delivery.written = delivery.subscriber->outlet().write(delivery.frames, 0, delivery.subscriber->form());
    }
  }
}

void SimulatedServer::Loop::expect_timers() {
  const auto next = timers_.next();
  if (!next || *next >= timers_expected_) return;
  timers_expected_ = *next;
  server_.schedule_.at(*next, [this, life = server_.life_, &server = server_] {
    if (server.life_ != life) return;
    timers_expected_ = TimePoint::max();
    timers_.advance(server.schedule_.now());
    expect_timers();
  });
}

// --- SimulatedServer ------------------------------------------------------------------------------------------------

SimulatedServer::SimulatedServer(Schedule& schedule, Random& random, Random& store_random, Record& record,
                                 const Options& options)
    : schedule_(schedule), random_(random), store_random_(store_random), record_(record), options_(options) {
  start(false);
}

SimulatedServer::~SimulatedServer() {
  loops_.clear();
}

Feed::PagePtr SimulatedServer::stored_page(const Place& place, std::shared_ptr<const TopicFilter> filter) const {
  struct Waiting final : Feed::Sink {
    std::shared_ptr<std::promise<Feed::PagePtr>> page = std::make_shared<std::promise<Feed::PagePtr>>();
    void post(const FramePtr&) override {}
    void post_page(std::uint64_t, const Feed::PagePtr& read) override {
      const auto promise = page;  // which outlives this
      promise->set_value(read);
    }
  };
  if (!store_->is_readable()) return nullptr;
  Waiting waiting;
  auto page = waiting.page->get_future();
  hub_->read_stored(waiting, 0, place, std::move(filter));
  return page.get();
}

std::unique_ptr<test::LoneHub> SimulatedServer::new_hub(const std::string& epoch) {
  return std::make_unique<test::LoneHub>(Feed::Options{.history_events = options_.history_events,
                                                       .history_bytes = options_.history_bytes,
                                                       .history_age = options_.history_age,
                                                       .max_retained_topics = options_.max_retained_topics,
                                                       .epoch = epoch,
                                                       .clock = [this] { return schedule_.now(); },
                                                       .store = store_,
                                                       .time = [] { return std::chrono::system_clock::time_point(); }});
}

// A log in memory outlives the process here, as if it had been handed over; one in a store is read from its disk.
void SimulatedServer::begin_log(bool with_log) {
  const bool is_new = !with_log || hub_ == nullptr;
  if (!is_new && !options_.store) return;
  // Like the real ones: of a fixed length, so that none begins another.
  std::string epoch;
  if (is_new) epoch = std::to_string(random_.between(10'000'000, 99'999'999));
  hub_.reset();
  if (options_.store) {
    if (is_new) disk_ = {.epoch = epoch};
    store_faults_ = store_faults();
    const auto end_process = [this] { stop(store_random_.chance(50) ? End::kCrash : End::kOrderly); };
    store_ = std::make_shared<SimulatedStore>(schedule_, store_random_, disk_, *options_.store, end_process);
  }
  hub_ = new_hub(epoch);
  if (is_new) {
    record_.begin_life(epoch, *hub_, options_.store ? &disk_ : nullptr);
  } else {
    record_.resume_life(*hub_);
  }
}

void SimulatedServer::start(bool with_log) {
  begin_log(with_log);
  for (std::size_t i = 0; i < options_.loops; ++i) loops_.push_back(std::make_unique<Loop>(*this));
  running_ = true;
  draining_ = false;
}

void SimulatedServer::stop(End end) {
  running_ = false;
  ++life_;
  for (const auto& loop : loops_) {
    for (const auto& stream : loop->streams()) {
      if (end == End::kOrderly) {
        stream->wire().finish();
      } else {
        stream->wire().abandon(end == End::kSilence);
      }
    }
  }
  loops_.clear();
}

void SimulatedServer::drain(Duration window) {
  draining_ = true;
  for (const auto& loop : loops_) {
    schedule_.after(soon(), [this, loop = loop.get(), life = life_, window] {
      if (life_ != life) return;
      for (const auto& stream : loop->streams()) {
        stream->retire(options_.retry + random_.between(Duration{0}, window));
      }
    });
  }
}

void SimulatedServer::respond(Wire& wire, std::string_view head) {
  wire.heal();  // wide enough for a head; the delay no longer matters
  wire.write(head);
  wire.finish();
}

void SimulatedServer::refuse(Wire& wire) {
  respond(wire, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + std::to_string(random_.between(1, 6)) +
                    "\r\nContent-Length: 0\r\n\r\n");
}

void SimulatedServer::request(const std::shared_ptr<Wire>& wire, const Request& request) {
  if (!running_) return wire->refuse();
  schedule_.after(soon(), [this, wire, request, life = life_] {
    if (life_ == life) {
      answer(wire, request);
    } else {
      wire->abandon(false);
    }
  });
}

void SimulatedServer::answer(const std::shared_ptr<Wire>& wire, const Request& request) {
  if (draining_) return refuse(*wire);
  Feed::Cursor cursor;
  bool is_over = false;
  try {
    cursor = hub_->resolve(request.last_event_id, request.filter.get(), request.latest);
    is_over = hub_->is_over(cursor, *request.filter);
  } catch (const StoreUnavailable&) {
    return refuse(*wire);
  }
  if (is_over) {
    return respond(*wire,
                   "HTTP/1.1 204 No Content\r\nX-Entries: " + std::to_string(record_.next_number()) + "\r\nX-Place: " +
                       std::to_string(record_.place_of(std::max(cursor.sequence, cursor.state_until))) + "\r\n\r\n");
  }
  Loop& loop = *loops_[next_loop_++ % loops_.size()];
  // From the worker to the loop.
  schedule_.after(soon(), [this, wire, request, cursor, &loop, life = life_] {
    if (life_ != life) return wire->abandon(false);
    auto stream = std::make_unique<Stream>(loop, wire);
    Stream& begun = *stream;
    loop.add(std::move(stream));
    begun.begin(request, cursor);
  });
}

std::optional<std::uint64_t> SimulatedServer::change(const std::shared_ptr<Wire>& wire,
                                                     const std::shared_ptr<const TopicFilter>& filter,
                                                     const std::shared_ptr<const TopicFilter>& with_state) {
  for (const auto& loop : loops_) {
    for (const auto& stream : loop->streams()) {
      if (stream->is_on(wire)) return stream->listen_to(filter, with_state);
    }
  }
  return std::nullopt;
}

void SimulatedServer::disconnect_one() {
  for (const auto& loop : loops_) {
    if (loop->streams().empty()) continue;
    return loop->streams()[random_.below(loop->streams().size())]->close();
  }
}

std::size_t SimulatedServer::streams() const {
  std::size_t count = 0;
  for (const auto& loop : loops_) count += loop->streams().size();
  return count;
}

void SimulatedServer::check_memory() const {
  // Each stream may hold the one frame it has begun, and the log what it retains.
  std::size_t allowed = streams() + hub_->statistics().retained_topics;
  for (const auto& loop : loops_) allowed += loop->waiting();
  const std::size_t held = record_.frames_held();
  if (held > allowed) {
    throw Broken(std::to_string(held) + " events that have left the log are still held, with " +
                 std::to_string(streams()) + " streams open");
  }
}

}  // namespace millrace::simulation
