#include "stream_buffers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "event_stream_state.h"

namespace millrace {

StreamBuffers::StreamBuffers(std::shared_ptr<BufferBudget> all)
    : all_(std::move(all)), budget_(all_->max() / 2, all_.get()) {}

void StreamBuffers::add(EventStream::State& stream) {
  const MutexLock lock(mutex_);
  holders_.insert(&stream);
}

void StreamBuffers::remove(EventStream::State& stream) {
  const MutexLock lock(mutex_);
  holders_.erase(&stream);
}

// Streams lock themselves before they call this class, so it calls streams only without its own lock.
void StreamBuffers::make_room(std::size_t bytes) {
  std::vector<std::pair<std::size_t, std::shared_ptr<EventStream::State>>> holders;
  {
    const MutexLock lock(mutex_);
    holders.reserve(holders_.size());
    for (EventStream::State* stream : holders_) {
      if (auto held = stream->weak_from_this().lock()) holders.emplace_back(stream->held_bytes(), std::move(held));
    }
  }
  std::sort(holders.begin(), holders.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const std::size_t wanted = bytes + budget_.max() / 8;
  for (const auto& [held, stream] : holders) {
    if (budget_.room() >= wanted) return;
    stream->cut();
  }
}

}  // namespace millrace
