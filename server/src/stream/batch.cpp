#include "batch.h"

#include <utility>

namespace millrace {

namespace {

// Larger ones are left where they are: copying them would cost more than it saves.
constexpr std::size_t kMaxJoinedBytes = 256 * 1024;

}  // namespace

void Batch::add(FramePtr frame) {
  frames_.push_back(std::move(frame));
}

void Batch::drop(std::size_t count) {
  frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(count));
  joined_.clear();
  ends_.clear();
  if (!frames_.empty()) return;
  frames_.shrink_to_fit();
  joined_.shrink_to_fit();
  ends_.shrink_to_fit();
}

std::string_view Batch::chunks(std::span<const FramePtr> part) {
  if (part.size() == 1) return part.front()->chunk();
  const auto first = static_cast<std::size_t>(part.data() - frames_.data());
  const std::size_t last = first + part.size();
  while (ends_.size() < last && joined_.size() <= kMaxJoinedBytes) {
    joined_.append(frames_[ends_.size()]->chunk());
    ends_.push_back(joined_.size());
  }
  if (ends_.size() < last) return {};
  const std::size_t begin = first == 0 ? 0 : ends_[first - 1];
  return std::string_view(joined_).substr(begin, ends_[last - 1] - begin);
}

}  // namespace millrace
