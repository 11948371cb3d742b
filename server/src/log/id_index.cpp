#include "id_index.h"

#include <functional>
#include <tuple>

#include "id_holders.h"

namespace millrace {

std::uint32_t IdIndex::hash(std::string_view id) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(id));
}

IdIndex::Key IdIndex::Less::key(const Entry& entry) {
  return {.hash = entry.hash,
          .id = entry.frame->publisher_id,
          .topic = entry.frame->topic_at(entry.topic).view(),
          .publisher = entry.frame->publisher};
}

bool IdIndex::Less::is_less(const Key& a, const Key& b) {
  return std::tie(a.id, a.topic, a.publisher) < std::tie(b.id, b.topic, b.publisher);
}

void IdIndex::insert(const Frame& frame) {
  const std::uint32_t id_hash = hash(frame.publisher_id);
  for (std::size_t i = 0; i < frame.topic_count(); ++i) {
    const Entry entry{.hash = id_hash, .topic = static_cast<std::uint8_t>(i), .frame = &frame};
    const auto [place, is_new] = entries_.insert(entry);
    if (is_new) continue;
    place->topic = entry.topic;  // the keys are equal
    place->frame = &frame;
  }
}

void IdIndex::erase(const Frame& frame, std::uint8_t topic) {
  const auto entry = entries_.find(Entry{.hash = hash(frame.publisher_id), .topic = topic, .frame = &frame});
  if (entry != entries_.end() && entry->frame == &frame) entries_.erase(entry);
}

std::optional<std::uint64_t> IdIndex::find(std::string_view id, std::string_view topic,
                                           std::string_view publisher) const {
  const auto entry = entries_.find(Key{.hash = hash(id), .id = id, .topic = topic, .publisher = publisher});
  if (entry == entries_.end()) return std::nullopt;
  return entry->frame->sequence;
}

std::optional<std::uint64_t> IdIndex::find(std::string_view id, const TopicFilter& filter) const {
  const std::uint32_t id_hash = hash(id);
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    const auto entry = entries_.lower_bound(Key{.hash = id_hash, .id = id, .topic = topic, .publisher = publisher});
    if (entry == entries_.end() || entry->frame->publisher_id != id) return std::nullopt;
    const Frame& frame = *entry->frame;
    return IdHolder{.topic = frame.topic_at(entry->topic), .publisher = frame.publisher, .sequence = frame.sequence};
  });
}

}  // namespace millrace
