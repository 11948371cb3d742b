// AnswerRegister: finds the answers of a service by ID and by Idempotency-Key. It has those that run, and those that
// are over and can still be read; of these it forgets the oldest, or the oldest of a client that has more than half.
// Any thread may use it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answer_state.h"
#include "base/string_map.h"
#include "mutex.h"
#include "shares/quota.h"
#include "shares/who.h"

namespace millrace {

class AnswerRegister {
 public:
  struct Bounds {
    std::size_t running;
    std::size_t running_per_client;
    std::size_t kept;
    Duration keep_for;
  };
  explicit AnswerRegister(const Bounds& bounds) : bounds_(bounds), clients_(bounds.running_per_client) {}

  /// The result of claim().
  enum class Claim : std::uint8_t {
    kBegun,     ///< the answer is registered
    kJoined,    ///< another answer has its key, and is returned
    kConflict,  ///< another answer has its key, for a different request
    kFull,      ///< the maximum of answers is running
    kShare,     ///< the maximum of this client's answers is running
    kTaken,     ///< another answer has its ID
  };
  /// Registers a running answer. Without a client it counts for none.
  std::pair<Claim, AnswerPtr> claim(const AnswerPtr& answer, const std::optional<Who>& client);

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
  struct Running {
    AnswerPtr answer;
    Quota::Share share;  // of its client
  };
  using Time = std::chrono::system_clock::time_point;
  struct Kept {
    AnswerPtr answer;
    std::optional<Who> client;
  };
  using KeptInOrder = std::multimap<Time, Kept>;  // by their end
  void keep(const AnswerPtr& answer, std::optional<Who> client, Time when) REQUIRES(mutex_);
  KeptInOrder::iterator one_too_many(const std::optional<Who>& newest) REQUIRES(mutex_);
  void forget(KeptInOrder::iterator kept) REQUIRES(mutex_);
  void erase(const Answer::State& answer) REQUIRES(mutex_);

  const Bounds bounds_;
  Quota clients_;  // before the shares
  mutable Mutex mutex_;
  StringMap<Known> answers_ GUARDED_BY(mutex_);     // by ID
  StringMap<AnswerPtr> by_key_ GUARDED_BY(mutex_);  // by Terms::key
  std::map<std::uint64_t, Running> running_ GUARDED_BY(mutex_);
  KeptInOrder kept_ GUARDED_BY(mutex_);
  StringMap<std::multimap<Time, KeptInOrder::iterator>> kept_by_client_ GUARDED_BY(mutex_);  // of each, in this order
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
