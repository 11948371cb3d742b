#include "download_gate.h"

#include <sys/socket.h>

#include <algorithm>

namespace millrace {

DownloadGate::Waiting::Waiting(DownloadGate& gate, int socket, std::uint64_t sent, Duration waited, TimePoint now)
    : gate_(gate), socket_(socket), sent_(sent), began_(now - waited) {
  const MutexLock lock(gate_.mutex_);
  gate_.waiting_.push_back(this);
  if (gate_.waiting_.size() > gate_.max_) gate_.cut_slowest(now);
}

// The socket is its worker's own for as long as this lives, so that none of the same number can be cut for it.
DownloadGate::Waiting::~Waiting() {
  const MutexLock lock(gate_.mutex_);
  std::erase(gate_.waiting_, this);
}

// Who has only begun to wait is as fast as can be.
double DownloadGate::Waiting::pace(TimePoint now) const {
  const Duration waited = std::max(now - began_, Duration{1});
  return static_cast<double>(sent_) / static_cast<double>(waited.count());
}

void DownloadGate::cut_slowest(TimePoint now) {
  const auto slowest = std::min_element(waiting_.begin(), waiting_.end(), [now](const Waiting* a, const Waiting* b) {
    return a->pace(now) < b->pace(now);
  });
  ::shutdown((*slowest)->socket_, SHUT_RDWR);
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
