#include "millrace/core/replay_filter.h"

#include <algorithm>
#include <string_view>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

// FNV-1a. A server that makes two events with one hash hides only one of its own events.
void add(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
}

}  // namespace

bool ReplayFilter::is_replay(const MessageEvent& event) {
  if (!event.has_id || event.last_event_id.empty()) return false;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325 ^ event.data.size();
  add(hash, event.last_event_id);
  add(hash, event.type);
  if (is_expecting_ && std::find(seen_.begin(), seen_.end(), hash) != seen_.end()) return true;
  is_expecting_ = false;
  if (seen_.size() < kReplayWindowEvents) {
    seen_.push_back(hash);
  } else {
    seen_[next_] = hash;
    next_ = (next_ + 1) % kReplayWindowEvents;
  }
  return false;
}

}  // namespace millrace
