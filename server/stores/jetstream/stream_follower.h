// StreamFollower: delivers all entries of a log's stream, from every server, once and in the stream's order, from its
// own thread; wakes callers that wait for an entry. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
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
  };

  /// Both must outlive it.
  StreamFollower(const NatsConnection& connection, const StreamQueries& queries, Options options);

  using OnAppended = std::function<void(std::span<const LogEntry>)>;
  void start(OnAppended on_appended);
  /// When it returns, no callback is running, and none runs later. It can be started again, and continues after head().
  void stop();

  /// The newest entry that on_appended has taken.
  std::uint64_t head() const { return head_; }

  /// Calls `reached`, which must not throw, on any thread, when the head has reached the sequence.
  void when_at(std::uint64_t sequence, std::function<void()> reached) const;

  /// Returns false if that takes longer than kStoreAckTimeout.
  bool wait_for(std::uint64_t sequence) const;

 private:
  using WaitersByHead = std::multimap<std::uint64_t, std::function<void()>>;  // keyed by the head_ that they wait for

  void follow(const Repetition::IsStopping& is_stopping);
  NatsSubscription consume(std::uint64_t after) const;
  void handle(const NatsSubscription::Message& message);
  void answer(const NatsSubscription::Message& message) const;
  void hand_over() noexcept;

  const NatsConnection& connection_;
  const StreamQueries& queries_;
  const Options options_;
  OnAppended on_appended_;
  std::atomic<std::uint64_t> head_;
  mutable Mutex waiting_mutex_;
  mutable WaitersByHead waiting_ GUARDED_BY(waiting_mutex_);

  // Used by the thread only.
  std::vector<LogEntry> entries_;  // for on_appended
  std::uint64_t seen_ = 0;         // sequence of the newest entry
  std::uint64_t in_consumer_ = 0;  // number of the newest message
  Repetition thread_;
};

}  // namespace millrace
