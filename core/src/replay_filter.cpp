#include "millrace/core/replay_filter.h"

#include <cstring>
#include <string_view>

namespace millrace {

namespace {

void mix(std::uint64_t& hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15;
  hash ^= hash >> 32;
}

// Word by word, since data may be long. A server that makes two events with one hash hides only one of its own events.
void add(std::uint64_t& hash, std::string_view text) {
  mix(hash, text.size());
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    mix(hash, word);
  }
  word = 0;
  for (const char c : text) word = word << 8 | static_cast<unsigned char>(c);
  mix(hash, word);
}

}  // namespace

bool ReplayFilter::is_replay(const MessageEvent& event) {
  if (!is_on_ || !event.has_id || event.last_event_id.empty()) return false;
  std::uint64_t hash = 0;
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
