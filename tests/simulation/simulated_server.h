// SimulatedServer: the hub and its subscribers as the server has them, without sockets, threads and clock.
//
// What decides is the server's own: Hub, RingEventLog, Subscriber, SubscriberTable, TimerWheel. What stands here is the
// shell around it, as thin as ConnectionLoop and Connection are around theirs, and in their order: what is ready is
// seen to first, then everything published meanwhile goes out in one delivery, then what has closed goes away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "lone_hub.h"
#include "loop/timer_wheel.h"
#include "random.h"
#include "record.h"
#include "schedule.h"
#include "simulated_store.h"
#include "stream/subscriber.h"
#include "stream/subscriber_table.h"
#include "wire.h"

namespace millrace::simulation {

struct Request {
  std::shared_ptr<const TopicFilter> filter;
  std::string last_event_id;
  bool http_1_0 = false;
  bool poll = false;
  CursorForm cursor = CursorForm::kEvent;
  bool latest = false;                    ///< in the query
  std::optional<Duration> conflate = {};  ///< likewise
};

class SimulatedServer {
 public:
  struct Options {
    std::size_t history_events = 1'000;
    std::size_t history_bytes = 64 * 1024 * 1024;
    std::optional<Duration> history_age = {};
    std::size_t max_retained_topics = kMaxRetainedTopics;
    std::size_t loops = 1;
    std::size_t max_posted = 16'384;           ///< events that may wait for a loop
    std::size_t read_work = kReadWorkPerTurn;  ///< that a subscriber which catches up may do in one turn
    std::size_t served_at_once = 64;           ///< subscribers in one turn
    Duration retry{3'000};
    Duration lifetime{0};  ///< of each stream; zero: unlimited
    std::optional<SimulatedStore::Options> store = {};
  };

  /// `store_random`: what the store draws.
  SimulatedServer(Schedule& schedule, Random& random, Random& store_random, Record& record, const Options& options);
  ~SimulatedServer();

  /// Starts the process, with the log there was or with a new one.
  void start(bool with_log);
  bool is_running() const { return running_; }

  enum class End { kOrderly, kCrash, kSilence };
  /// The process ends. Connections end with it: in order, cut anywhere, or without a word.
  void stop(End end);

  /// Ends all streams, and takes no more.
  void drain(Duration window);

  /// A request arrives.
  void request(const std::shared_ptr<Wire>& wire, const Request& request);

  /// The stream on the wire gets another filter; of `with_state`, which may be null, the state comes first. Returns the
  /// number of its place; nothing if there is no such stream, or it polls.
  std::optional<std::uint64_t> change(const std::shared_ptr<Wire>& wire,
                                      const std::shared_ptr<const TopicFilter>& filter,
                                      const std::shared_ptr<const TopicFilter>& with_state);

  /// Cuts one of the streams.
  void disconnect_one();

  test::LoneHub& hub() { return *hub_; }
  /// Null without a store.
  SimulatedStore* store() { return store_.get(); }
  /// What the feed reads of the store on its thread, for which everything here waits; null if it cannot be read now.
  Feed::PagePtr stored_page(const Place& place, std::shared_ptr<const TopicFilter> filter) const;
  std::uint64_t store_faults() const { return store_faults_ + (store_ != nullptr ? store_->faults() : 0); }
  std::size_t streams() const;
  std::size_t max_retained_topics() const { return options_.max_retained_topics; }

  /// Throws Broken if something is held that need not be.
  void check_memory() const;

 private:
  class Loop;
  class Stream;

  Duration soon() { return random_.between(Duration{0}, Duration{3}); }
  void answer(const std::shared_ptr<Wire>& wire, const Request& request);
  void begin_log(bool with_log);
  std::unique_ptr<test::LoneHub> new_hub(const std::string& epoch);
  void refuse(Wire& wire);
  static void respond(Wire& wire, std::string_view head);

  Schedule& schedule_;
  Random& random_;
  Random& store_random_;
  Record& record_;
  const Options options_;
  SimulatedDisk disk_;
  std::shared_ptr<SimulatedStore> store_;
  std::uint64_t store_faults_ = 0;  // of earlier processes
  std::unique_ptr<test::LoneHub> hub_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::uint64_t life_ = 0;  // of the process: what was to happen in an earlier one does not
  bool running_ = false;
  bool draining_ = false;
  std::size_t next_loop_ = 0;
};

}  // namespace millrace::simulation
