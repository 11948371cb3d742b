// StreamFollower: delivers all entries of a log's stream, from every server, once and in the stream's order, from its
// own thread; wakes callers that wait for an entry. Any thread.
//
// Before it follows the stream, and when suspect() says so, it checks that the stream still has the last entry that it
// delivered. If NATS has lost that, it appends a mark (stream_numbers.h) and follows anew after the last entry that is
// left. Sequences are the stream's, except those of delivered entries and log_head().
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/server/event_store.h"
#include "mutex.h"
#include "nats_connection.h"
#include "stores/common/repetition.h"
#include "stream_queries.h"

namespace millrace {

class StreamFollower {
 public:
  struct Options {
    std::string stream;
    std::uint64_t head = 0;  ///< it begins after this entry
    /// Gets why no entries arrive now; an empty text when they do.
    std::function<void(const std::string&)> on_trouble;
    /// Appends the message to the stream. Throws StoreUnavailable if that fails, or may have.
    std::function<void(const NatsMessage&)> append;
  };

  /// Both must outlive it.
  StreamFollower(const NatsConnection& connection, StreamQueries& queries, Options options);

  using OnAppended = std::function<void(std::span<const LogEntry>)>;
  void start(OnAppended on_appended);
  /// When it returns, no callback is running, and none runs later. It can be started again, and continues after head().
  void stop();

  /// The newest entry that on_appended has taken.
  std::uint64_t head() const { return head_; }
  /// Its number in the log, which never decreases.
  std::uint64_t log_head() const { return log_head_; }

  /// How often the stream had lost entries that were delivered.
  std::uint64_t losses() const { return losses_; }

  struct Progress {
    std::uint64_t head = 0;
    std::uint64_t losses = 0;
  };
  Progress progress() const;

  /// The stream may have lost entries up to this head. Does nothing if a loss has been found since.
  void suspect(const Progress& delivered);
  /// Until the thread has begun to check.
  bool is_suspected() const { return is_suspicious_; }

  /// Calls `reached`, which must not throw, on any thread, when the head has reached the sequence.
  void when_at(std::uint64_t sequence, std::function<void()> reached) const;

  /// Returns false if that takes longer than kStoreAckTimeout.
  bool wait_for(std::uint64_t sequence) const;

 private:
  using WaitersByHead = std::multimap<std::uint64_t, std::function<void()>>;  // keyed by the head_ that they wait for

  // An entry that was delivered.
  struct Delivered {
    std::uint64_t sequence;
    std::int64_t published;  // nanoseconds since 1970
  };

  void follow(const Repetition::IsStopping& is_stopping);
  void check_continuity();
  bool is_there(const Delivered& entry) const;
  void mark_loss(std::uint64_t through, std::uint64_t end);
  void follow_anew(std::uint64_t through);
  NatsSubscription consume(std::uint64_t after) const;
  void handle(const NatsSubscription::Message& message);
  void deliver(const StreamEntry& entry, std::int64_t published);
  void answer(const NatsSubscription::Message& message) const;
  void hand_over() noexcept;

  const NatsConnection& connection_;
  StreamQueries& queries_;
  const Options options_;
  OnAppended on_appended_;
  std::atomic<std::uint64_t> head_;
  std::atomic<std::uint64_t> log_head_;
  std::atomic<bool> is_suspicious_ = false;
  std::atomic<std::uint64_t> losses_ = 0;
  mutable Mutex waiting_mutex_;
  mutable WaitersByHead waiting_ GUARDED_BY(waiting_mutex_);

  // Used by the thread only.
  std::vector<LogEntry> entries_;                                          // for on_appended
  std::uint64_t seen_ = 0;                                                 // sequence of the newest entry
  std::uint64_t in_consumer_ = 0;                                          // number of the newest message
  std::deque<Delivered> delivered_;                                        // the newest kStoreRememberedEntries
  std::optional<std::chrono::steady_clock::time_point> ends_early_since_;  // the stream ends before what was delivered
  Repetition thread_;
};

}  // namespace millrace
