#include "id_index.h"

#include <functional>
#include <tuple>

#include "id_holders.h"

namespace millrace {

std::size_t IdIndex::hash(std::string_view id) {
  return std::hash<std::string_view>{}(id);
}

IdIndex::Key IdIndex::key(const Frame& frame) {
  return {.hash = hash(frame.publisher_id),
          .id = frame.publisher_id,
          .topic = frame.topic_text(),
          .publisher = frame.publisher};
}

IdIndex::Key IdIndex::Less::key(const Entry& entry) {
  return {.hash = entry.hash,
          .id = entry.frame->publisher_id,
          .topic = entry.frame->topic_text(),
          .publisher = entry.frame->publisher};
}

bool IdIndex::Less::is_less(const Key& a, const Key& b) {
  return std::tie(a.id, a.topic, a.publisher) < std::tie(b.id, b.topic, b.publisher);
}

void IdIndex::insert(const Frame& frame) {
  const auto [entry, is_new] = entries_.insert({.hash = hash(frame.publisher_id), .frame = &frame});
  if (!is_new) entry->frame = &frame;  // the keys are equal
}

void IdIndex::erase(const Frame& frame) {
  const auto entry = entries_.find(key(frame));
  if (entry != entries_.end() && entry->frame == &frame) entries_.erase(entry);
}

std::optional<std::uint64_t> IdIndex::find(std::string_view id, std::string_view topic,
                                           std::string_view publisher) const {
  const auto entry = entries_.find(Key{.hash = hash(id), .id = id, .topic = topic, .publisher = publisher});
  if (entry == entries_.end()) return std::nullopt;
  return entry->frame->sequence;
}

std::optional<std::uint64_t> IdIndex::find(std::string_view id, const TopicFilter& filter) const {
  const std::size_t id_hash = hash(id);
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    const auto entry = entries_.lower_bound(Key{.hash = id_hash, .id = id, .topic = topic, .publisher = publisher});
    if (entry == entries_.end() || entry->frame->publisher_id != id) return std::nullopt;
    const Frame& frame = *entry->frame;
    return IdHolder{.topic = *frame.topic, .publisher = frame.publisher, .sequence = frame.sequence};
  });
}

}  // namespace millrace
