#include "millrace/core/backoff.h"

#include <algorithm>

namespace millrace {

Backoff::Backoff(const Policy& policy, std::uint64_t seed)
    : reconnection_time_(0),
      max_(std::min(policy.max, kMaxReconnectionTime)),
      jitter_percent_(policy.jitter_percent),
      random_state_(seed) {
  set_reconnection_time(policy.reconnection_time);
}

void Backoff::set_reconnection_time(Duration reconnection_time) {
  reconnection_time_ = std::clamp(reconnection_time, Duration{0}, kMaxReconnectionTime);
}

// Otherwise a server that sends one event with `retry: 0` and closes would get requests as fast as it can answer.
void Backoff::progress() {
  failures_ = reconnection_time_ < kMinPause ? std::min(failures_, 1u) : 0;
}

Duration Backoff::next() {
  // Until an attempt has failed, the window is only the jitter.
  Duration window = reconnection_time_;
  if (failures_ > 0) {
    window = std::max(reconnection_time_, kMinBackoff);
    for (std::uint32_t i = 0; i < failures_ && window < max_; ++i) window *= 2;
    window = std::max(std::min(window, max_), reconnection_time_);
  }
  ++failures_;

  const auto jitter = reconnection_time_ * jitter_percent_ / 100;
  const auto width = static_cast<std::uint64_t>((window - reconnection_time_ + jitter).count());
  const auto drawn = static_cast<Duration::rep>(random() % (width + 1));
  return std::min(reconnection_time_ + Duration{drawn}, kMaxReconnectionTime);
}

// SplitMix64: small, and good from any seed.
std::uint64_t Backoff::random() {
  random_state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = random_state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace millrace
