#include "answer_nodes.h"

#include <random>

namespace millrace {

namespace {

constexpr int kBeatsInTimeout = 9;

Duration drawn_up_to(Duration longest, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  return Duration{std::uniform_int_distribution<Duration::rep>(0, longest.count())(random)};
}

}  // namespace

// The lease, one beat and the way through the store are shorter than the patience of the others.
AnswerNodes::AnswerNodes(Duration timeout, std::uint64_t seed, TimePoint now)
    : beat_(timeout / kBeatsInTimeout),
      lease_(timeout * 2 / 3),
      patience_(timeout + drawn_up_to(timeout / kBeatsInTimeout, seed)),
      next_beat_(now),
      stored_at_(now) {}

void AnswerNodes::heard(std::string_view node, TimePoint now) {
  const MutexLock lock(mutex_);
  heard_.insert_or_assign(std::string(node), now);
}

std::vector<std::string> AnswerNodes::take_silent(TimePoint now) {
  const MutexLock lock(mutex_);
  std::vector<std::string> silent;
  for (const auto& [node, last] : heard_) {
    if (now - last >= patience_) silent.push_back(node);
  }
  for (const std::string& node : silent) heard_.erase(node);
  return silent;
}

bool AnswerNodes::is_beat_due(TimePoint now) const {
  const MutexLock lock(mutex_);
  return now >= next_beat_;
}

void AnswerNodes::beat(bool is_stored, TimePoint now) {
  const MutexLock lock(mutex_);
  next_beat_ = now + beat_;
  if (is_stored) stored_at_ = now;
}

bool AnswerNodes::has_lost_lease(TimePoint now) const {
  const MutexLock lock(mutex_);
  return now - stored_at_ >= lease_;
}

void AnswerNodes::renew_lease(TimePoint now) {
  const MutexLock lock(mutex_);
  stored_at_ = now;
}

}  // namespace millrace
