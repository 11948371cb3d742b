#include "batch.h"

#include <utility>

namespace millrace {

namespace {

// Larger frames are not joined: copying them would cost more than it saves.
constexpr std::size_t kMaxJoinedBytes = 256 * 1024;

}  // namespace

void Batch::add(FramePtr frame) {
  frames_.push_back(std::move(frame));
}

void Batch::drop(std::size_t count) {
  frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(count));
  plain_.bytes.clear();
  plain_.ends.clear();
  others_.reset();
  if (!frames_.empty()) return;
  frames_.shrink_to_fit();
  plain_.bytes.shrink_to_fit();
  plain_.ends.shrink_to_fit();
}

Batch::Chunks& Batch::joined(WireForm form) {
  if (form == WireForm{}) return plain_;
  if (others_ == nullptr) others_ = std::make_unique<std::deque<std::pair<WireForm, Chunks>>>();
  for (auto& [other, joined] : *others_) {
    if (other == form) return joined;
  }
  return others_->emplace_back(form, Chunks{}).second;
}

std::string_view Batch::chunks(std::span<const FramePtr> part, WireForm form) {
  if (!is_chunked(form)) return {};
  if (part.size() == 1) return part.front()->wire(form);
  auto& [bytes, ends] = joined(form);
  const auto first = static_cast<std::size_t>(part.data() - frames_.data());
  const std::size_t last = first + part.size();
  while (ends.size() < last && bytes.size() <= kMaxJoinedBytes) {
    bytes.append(frames_[ends.size()]->wire(form));
    ends.push_back(bytes.size());
  }
  if (ends.size() < last) return {};
  const std::size_t begin = first == 0 ? 0 : ends[first - 1];
  return std::string_view(bytes).substr(begin, ends[last - 1] - begin);
}

}  // namespace millrace
