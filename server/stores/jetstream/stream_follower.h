// StreamFollower: delivers all entries of a log's stream, from every server, once and in the stream's order, from
// its own thread; wakes callers that wait for an entry. Any thread.
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
#include "repeat.h"
#include "stream_queries.h"

namespace millrace {

class StreamFollower {
 public:
  struct Options {
    std::string stream;
    std::uint64_t head = 0;  ///< it goes on from there
    /// Why nothing comes now, or that it does: an empty text.
    std::function<void(const std::string&)> on_trouble;
  };

  /// Both must stay.
  StreamFollower(const NatsConnection& connection, const StreamQueries& queries, Options options);

  using OnAppended = std::function<void(std::span<const LogEntry>)>;
  void start(OnAppended on_appended);
  /// No callback runs any more when it returns. It can be started again, and goes on from its head().
  void stop();

  /// Handed over.
  std::uint64_t head() const { return head_; }

  /// Calls `reached`, which must not throw, on any thread, once the head has reached the sequence.
  void when_at(std::uint64_t sequence, std::function<void()> reached) const;

  /// False if it takes longer than kStoreAckTimeout.
  bool wait_for(std::uint64_t sequence) const;

 private:
  using WaitersByHead = std::multimap<std::uint64_t, std::function<void()>>;  // for head_

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

  // Of the thread.
  std::vector<LogEntry> entries_;  // to be handed over
  std::uint64_t seen_ = 0;         // the newest entry's
  std::uint64_t in_consumer_ = 0;  // the newest message's
  Repetition thread_;
};

}  // namespace millrace
