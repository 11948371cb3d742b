#include "simulated_server.h"

#include <algorithm>
#include <future>
#include <utility>

#include "millrace/server/topic_filter.h"
#include "simulated_loop.h"
#include "simulated_stream.h"

namespace millrace::simulation {

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
