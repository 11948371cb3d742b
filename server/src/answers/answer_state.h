// Answer::State: one answer: its events on their way into the log, its end, and its number of listeners.
//
// An answer has its producer in this program, or it is one of another server, or of an earlier run, that this program
// only knows. Any thread may use it. It calls no code of the program under its lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/answer.h"
#include "millrace/server/answers.h"
#include "millrace/server/publication.h"
#include "mutex.h"

namespace millrace {

class AnswerService;

class Answer::State : public std::enable_shared_from_this<Answer::State> {
 public:
  /// The parts that never change.
  struct Terms {
    OwnedTopic topic;
    std::string id = {};
    std::string owner = {};
    std::string note = {};
    bool is_shared = false;
    std::string beginning = {};  ///< a place in the log before the first event
    std::chrono::system_clock::time_point begun = {};
    std::string key = {};          ///< publisher_key() of its owner and Idempotency-Key; empty without one
    std::string fingerprint = {};  ///< of the request that came with the key
    std::string node = {};         ///< where its producer is
  };
  /// The state of an answer without a producer in this program.
  struct Past {
    AnswerEnd end = AnswerEnd::kNone;
    std::uint64_t events = 0;
    std::chrono::system_clock::time_point ended = {};
  };

  State(std::shared_ptr<AnswerService> service, Terms terms);
  /// An answer without a producer in this program.
  State(std::shared_ptr<AnswerService> service, Terms terms, const Past& past);

  const Terms& terms() const { return terms_; }
  bool is_produced_here() const { return is_produced_here_; }
  AnswerEnd ended_by() const;
  std::uint64_t events() const;
  AnswerInfo info() const;
  Past past() const;

  // The producer ------------------------------------------------------------------------------------------------------

  bool send(const AnswerEvent& event);
  /// Ends the answer; returns false if it is over already.
  bool end(AnswerEnd end, std::string_view sentence = {});
  /// Ends an answer that no client knows yet, without a last event, and forgets it.
  void discard();
  /// Ends the answer without writing anything more, because another server may have ended it.
  void abandon(AnswerEnd end);
  Waited wait_for_room(Duration timeout);
  void on_stop(std::function<void()> callback);

  // Listeners ---------------------------------------------------------------------------------------------------------

  /// Counts listeners: arrived() before a stream is opened, settled() when it is known whether it was, left() when it
  /// has ended.
  void arrived();
  void settled(bool is_open);
  void left();

  /// Counts the listeners of another server as one.
  void obey_listeners(bool come);

  // Its service and writer --------------------------------------------------------------------------------------------

  /// An event of the answer, or its finish, that waits to be written.
  struct Entry {
    OwnedEventId id = EventId();
    OwnedEventType type = EventType();
    std::string data = {};
    Publication::Kind kind = Publication::Kind::kEvent;

    std::size_t cost() const { return data.size() + type.view().size() + id.view().size() + sizeof(Entry); }
  };
  /// Takes the waiting entries; the answer is no longer in the writer's queue.
  std::vector<Entry> take_entries();
  /// Notes that entries of this cost are in the log, or were dropped.
  void wrote(std::size_t cost);
  /// Ends the answer if it has had no listener for too long.
  void look_at_clock();
  /// Ends the answer and returns true if it has run for too long.
  bool end_if_too_old(TimePoint now);
  /// Takes over what another server has reported. If that server has ended an answer that is produced here, because it
  /// took this server for dead, the answer is abandoned.
  void learn(const Past& past);
  bool is_abandoned() const;
  /// The number of its events; nothing while there may be more.
  std::optional<std::uint64_t> events_when_over() const;
  /// The number of its events in the log; nothing while some wait to be written.
  std::optional<std::uint64_t> events_written() const;
  OwnedEventId id_of(std::uint64_t number) const;

 private:
  std::optional<AnswerEnd> add(const AnswerEvent& event, std::string& sentence) REQUIRES(mutex_);
  std::optional<AnswerEnd> write_now(const AnswerEvent& event, const OwnedEventId& id, std::string& sentence)
      REQUIRES(mutex_);
  void queue(Entry entry) REQUIRES(mutex_);
  void write_end(std::vector<OwnedAnswerEvent> last);
  void joined() REQUIRES(mutex_);
  bool leave() REQUIRES(mutex_);
  void stop_clock() REQUIRES(mutex_);

  const std::shared_ptr<AnswerService> service_;
  const Terms terms_;
  const bool is_produced_here_;
  const TimePoint started_;

  mutable Mutex mutex_;
  Condition room_;
  AnswerEnd end_ GUARDED_BY(mutex_) = AnswerEnd::kNone;
  std::chrono::system_clock::time_point ended_ GUARDED_BY(mutex_);
  std::uint64_t events_ GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;    // of their data
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;  // cost of what has not been written
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  bool is_queued_ GUARDED_BY(mutex_) = false;  // at the writer
  bool is_ending_ GUARDED_BY(mutex_) = false;  // its last events are being made
  bool is_abandoned_ GUARDED_BY(mutex_) = false;
  bool awaits_end_ GUARDED_BY(mutex_) = false;  // abandoned, and its end is not in the log yet
  std::vector<std::function<void()>> on_stop_ GUARDED_BY(mutex_);
  // Another server counts as one. Its reports may overtake each other, so the number can be negative for a moment.
  std::ptrdiff_t listeners_ GUARDED_BY(mutex_) = 0;
  bool is_listened_to_ GUARDED_BY(mutex_) = false;     // its producer's server knows of a listener here
  std::optional<TimePoint> clock_ GUARDED_BY(mutex_);  // when it will have been alone for too long
};

using AnswerPtr = std::shared_ptr<Answer::State>;

}  // namespace millrace
