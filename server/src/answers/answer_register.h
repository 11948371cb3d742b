// AnswerRegister: the answers of a service by ID and by Idempotency-Key: those that run, and those that are over and
// can still be read, of which it forgets the oldest. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answer_state.h"
#include "base/string_map.h"
#include "mutex.h"

namespace millrace {

class AnswerRegister {
 public:
  struct Bounds {
    std::size_t running;
    std::size_t kept;
    Duration keep_for;
  };
  explicit AnswerRegister(const Bounds& bounds) : bounds_(bounds) {}

  /// What becomes of an answer that is to be begun.
  enum class Claim : std::uint8_t {
    kBegun,     ///< it is in the register
    kJoined,    ///< its key is that of another one, which is returned
    kConflict,  ///< likewise, but that one came with another request
    kFull,      ///< too many run
    kTaken,     ///< there is one with its ID
  };
  /// Registers one that runs.
  std::pair<Claim, AnswerPtr> claim(const AnswerPtr& answer);

  /// Registers one that has no producer here, and is over then, or at the latest. False: there is one with its ID.
  bool add(const AnswerPtr& answer, std::chrono::system_clock::time_point ended);
  /// One that ran is over.
  void ended(const AnswerPtr& answer, std::chrono::system_clock::time_point when);
  /// Nobody has heard of it.
  void forget(const Answer::State& answer);
  /// Forgets those whose time is over.
  void expire(std::chrono::system_clock::time_point now);

  /// Null: there is none.
  AnswerPtr find(std::string_view id) const;
  /// Those with a producer here, in the order in which they were begun.
  std::vector<AnswerPtr> running() const;
  /// The one of them that was begun first; null: none runs.
  AnswerPtr oldest() const;
  void clear();

  struct Sizes {
    std::size_t running = 0;
    std::size_t kept = 0;
  };
  Sizes sizes() const;

 private:
  struct Known {
    AnswerPtr answer;
    std::uint64_t number = 0;  // in the order of beginning
  };
  void keep(const AnswerPtr& answer, std::chrono::system_clock::time_point when) REQUIRES(mutex_);
  void erase(const Answer::State& answer) REQUIRES(mutex_);
  void erase_oldest() REQUIRES(mutex_);

  const Bounds bounds_;
  mutable Mutex mutex_;
  StringMap<Known> answers_ GUARDED_BY(mutex_);     // by ID
  StringMap<AnswerPtr> by_key_ GUARDED_BY(mutex_);  // by Terms::key
  std::map<std::uint64_t, AnswerPtr> running_ GUARDED_BY(mutex_);
  std::multimap<std::chrono::system_clock::time_point, AnswerPtr> kept_ GUARDED_BY(mutex_);  // by their end
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
