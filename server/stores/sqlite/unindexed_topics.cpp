#include "unindexed_topics.h"

#include <algorithm>

namespace millrace {

void UnindexedTopics::add(std::uint64_t sequence, std::string_view topic, SqliteKind kind) {
  if (kind == SqliteKind::kBegin) return;
  auto change = changes_.find(topic);
  if (change == changes_.end()) change = changes_.emplace(topic, Change()).first;
  change->second.is_finished = kind == SqliteKind::kFinish;
  if (kind == SqliteKind::kEvent) change->second.sequence = sequence;
}

const UnindexedTopics::Change* UnindexedTopics::of(std::string_view topic) const {
  const auto change = changes_.find(topic);
  return change == changes_.end() ? nullptr : &change->second;
}

std::vector<UnindexedTopics::Event> UnindexedTopics::events(std::uint64_t sequence, std::uint64_t until) const {
  std::vector<Event> events;
  for (const auto& [topic, change] : changes_) {
    if (change.sequence > sequence && change.sequence <= until) {
      events.push_back({.sequence = change.sequence, .topic = topic, .is_finished = change.is_finished});
    }
  }
  std::sort(events.begin(), events.end(),
            [](const Event& one, const Event& other) { return one.sequence < other.sequence; });
  return events;
}

}  // namespace millrace
