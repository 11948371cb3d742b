#include "millrace/core/replay_filter.h"

#include <string_view>

namespace millrace {

namespace {

// FNV-1a. A server that makes two events collide hides only its own event.
void add(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  hash ^= text.size();
}

}  // namespace

bool ReplayFilter::is_replay(const MessageEvent& event) {
  if (!is_on_ || !event.has_id || event.last_event_id.empty()) return false;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const std::string_view text : {event.last_event_id, event.type, event.data}) add(hash, text);
  if (!seen_) seen_ = std::make_unique<std::uint64_t[]>(kReplayWindowEvents);
  while (from_ < kReplayWindowEvents) {
    if (seen_[(next_ + from_++) % kReplayWindowEvents] == hash) return true;
  }
  seen_[next_] = hash;
  next_ = (next_ + 1) % kReplayWindowEvents;
  return false;
}

}  // namespace millrace
