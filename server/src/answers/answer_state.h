// Answer::State: one answer: its events on their way into the log, its end, and how many listen.
//
// Its own answers have a producer in this program; those of another server, or of an earlier run, are only known. Any
// thread. Nothing of the program's is called under the lock.
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
  /// What never changes.
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
  /// How far an answer without a producer in this program has come.
  struct Past {
    AnswerEnd end = AnswerEnd::kNone;
    std::uint64_t events = 0;
    std::chrono::system_clock::time_point ended = {};
  };

  State(std::shared_ptr<AnswerService> service, Terms terms);
  /// One without a producer in this program.
  State(std::shared_ptr<AnswerService> service, Terms terms, const Past& past);

  const Terms& terms() const { return terms_; }
  bool is_produced_here() const { return is_produced_here_; }
  AnswerEnd ended_by() const;
  std::uint64_t events() const;
  AnswerInfo info() const;
  Past past() const;

  // The producer ------------------------------------------------------------------------------------------------------

  bool send(const AnswerEvent& event);
  /// False if it is over already.
  bool end(AnswerEnd end, std::string_view sentence = {});
  /// Ends it without a last event, and forgets it: nobody has heard of it.
  void discard();
  Waited wait_for_room(Duration timeout);
  void on_stop(std::function<void()> callback);

  // Listeners ---------------------------------------------------------------------------------------------------------

  /// One is about to come; settled() says whether it has, left() that it has gone.
  void arrived();
  void settled(bool is_open);
  void left();

  /// What another server says of its listeners.
  void obey_listeners(bool come);

  // Its service and writer --------------------------------------------------------------------------------------------

  /// An event of the answer, or its finish, that is to be written.
  struct Entry {
    OwnedEventId id = EventId();
    OwnedEventType type = EventType();
    std::string data = {};
    Publication::Kind kind = Publication::Kind::kEvent;

    std::size_t cost() const { return data.size() + type.view().size() + id.view().size() + sizeof(Entry); }
  };
  /// What waits; none is queued any more.
  std::vector<Entry> take();
  /// The log has entries of this cost.
  void wrote(std::size_t cost);
  /// Ends it if nobody has listened for too long.
  void look_at_clock();
  /// The same if it has run for too long; false if not.
  bool end_if_too_old(TimePoint now);
  /// Another server has reported this of it.
  void learn(const Past& past);
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
  std::vector<std::function<void()>> on_stop_ GUARDED_BY(mutex_);
  // Another server counts as one; what it says may overtake what it has said before.
  std::ptrdiff_t listeners_ GUARDED_BY(mutex_) = 0;
  bool is_listened_to_ GUARDED_BY(mutex_) = false;     // its producer's server knows that somebody listens here
  std::optional<TimePoint> clock_ GUARDED_BY(mutex_);  // when nobody will have listened for too long
};

using AnswerPtr = std::shared_ptr<Answer::State>;

}  // namespace millrace
