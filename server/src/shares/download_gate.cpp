#include "download_gate.h"

#include <algorithm>
#include <cassert>

namespace millrace {

DownloadGate::~DownloadGate() {
  assert(waiting_.empty());
}

DownloadGate::Waiting::Waiting(DownloadGate& gate, Client& client, std::uint64_t sent, Duration waited, TimePoint now)
    : gate_(gate), client_(client), sent_(sent), began_(now - waited) {
  const MutexLock lock(gate_.mutex_);
  gate_.waiting_.push_back(this);
  if (gate_.waiting_.size() > gate_.max_) gate_.cut_slowest(now);
  assert(gate_.waiting_.size() <= gate_.max_);
}

DownloadGate::Waiting::~Waiting() {
  const MutexLock lock(gate_.mutex_);
  std::erase(gate_.waiting_, this);
}

// A wait that has just begun counts as fast.
double DownloadGate::Waiting::pace(TimePoint now) const {
  const Duration waited = std::max(now - began_, Duration{1});
  return static_cast<double>(sent_) / static_cast<double>(waited.count());
}

void DownloadGate::cut_slowest(TimePoint now) {
  const auto slowest = std::min_element(waiting_.begin(), waiting_.end(), [now](const Waiting* a, const Waiting* b) {
    return a->pace(now) < b->pace(now);
  });
  (*slowest)->client_.cut();
  waiting_.erase(slowest);
  ++cuts_;
}

void DownloadGate::count_cut() {
  const MutexLock lock(mutex_);
  ++cuts_;
}

std::uint64_t DownloadGate::cuts() const {
  const MutexLock lock(mutex_);
  return cuts_;
}

}  // namespace millrace
