// AnswerRegister: finds the answers of a service by ID and by Idempotency-Key. It has those that run, and those that
// are over and can still be read; of these it forgets the oldest. Any thread may use it.
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

  /// The result of claim().
  enum class Claim : std::uint8_t {
    kBegun,     ///< the answer is registered
    kJoined,    ///< another answer has its key, and is returned
    kConflict,  ///< another answer has its key, for a different request
    kFull,      ///< the maximum of answers is running
    kTaken,     ///< another answer has its ID
  };
  /// Registers a running answer.
  std::pair<Claim, AnswerPtr> claim(const AnswerPtr& answer);

  /// Registers an answer without a producer here, which was over at `ended`, or will be by then. Returns false if
  /// another answer has its ID.
  bool add(const AnswerPtr& answer, std::chrono::system_clock::time_point ended);
  /// Moves a running answer to those that are over.
  void ended(const AnswerPtr& answer, std::chrono::system_clock::time_point when);
  /// Removes an answer that no client knows yet.
  void forget(const Answer::State& answer);
  /// Removes the answers that ended too long ago.
  void expire(std::chrono::system_clock::time_point now);

  /// Returns null if no answer has this ID.
  AnswerPtr find(std::string_view id) const;
  /// The running answers with a producer here, oldest first.
  std::vector<AnswerPtr> running() const;
  /// The oldest of these; null if none is running.
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
