// The index of publishers' IDs, a stream of its own.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "log/digest.h"
#include "log/turns.h"
#include "millrace/server/limits.h"
#include "millrace/server/topic_filter.h"
#include "stream_queries.h"
#include "topic_subject.h"

namespace millrace {

namespace {

using nlohmann::json;

// An ID's token in the index.
std::string id_token(std::string_view publisher_id) {
  return sha256(publisher_id).substr(0, 32);
}

}  // namespace

IdKey IdKey::of(const Publication& publication) {
  return {.topic = publication.topic.view(),
          .id = publication.event.id.view(),
          .publisher = publisher_key(publication.publisher)};
}

// Neither topics nor IDs contain line ends.
std::string IdKey::digest() const {
  return sha256(std::string(topic).append(1, '\n').append(id).append(1, '\n').append(publisher));
}

// What the index has after a sequence: it may belong to an earlier stream of this name, or to a lost event.
std::string StreamQueries::tag(std::uint64_t sequence) const {
  return epoch_ + numbers()->generation(sequence);
}

// The sequence in an entry of the index; nothing if the event is gone.
std::optional<std::uint64_t> StreamQueries::indexed(const StreamEntry& entry, std::uint64_t oldest) const {
  std::uint64_t sequence = 0;
  std::from_chars(entry.data.data(), entry.data.data() + entry.data.size(), sequence);
  if (entry.data != std::to_string(sequence) + ' ' + tag(sequence)) return std::nullopt;
  if (sequence < oldest) return std::nullopt;
  return sequence;
}

std::optional<std::uint64_t> StreamQueries::indexed_at(const std::string& subject) const {
  const json answer = checked(connection_.ask("STREAM.MSG.GET." + ids(), {{"last_by_subj", subject}}));
  if (answer.is_null()) return std::nullopt;
  return indexed(StreamEntry::of(answer), state().oldest);
}

std::optional<OwnedTopic> StreamQueries::topic_at(std::uint64_t sequence) const {
  const json answer = checked(connection_.ask("STREAM.MSG.GET." + options_.name, {{"seq", sequence}}));
  if (answer.is_null()) return std::nullopt;
  const std::string subject = StreamEntry::of(answer).subject;
  const std::size_t begin = options_.name.size() + 3;  // `NAME.e.`
  if (subject.size() <= begin) return std::nullopt;
  return subject_topic(std::string_view(subject).substr(begin));
}

std::optional<std::uint64_t> StreamQueries::find(const IdKey& key) const {
  const auto found = indexed_at(index_subject(key));
  if (found || !has_former_ids_) return found;
  // An entry of an older version has no publisher: it counts as every publisher's.
  const auto pattern = TopicPattern::parse(key.topic);
  return pattern ? former(key.id, TopicFilter({*pattern})) : std::nullopt;
}

std::optional<std::uint64_t> StreamQueries::former(std::string_view publisher_id, const TopicFilter& filter) const {
  std::optional<std::uint64_t> oldest = indexed_at(ids() + "." + sha256(publisher_id));
  if (oldest) {
    const auto topic = topic_at(*oldest);
    if (!topic || !filter.matches(*topic)) oldest.reset();
  }
  if (!filter.is_literal()) return oldest;
  for (const TopicPattern& topic : filter.patterns()) {
    const auto own = indexed_at(ids() + "." + sha256(std::string(topic.view()).append(1, '\n').append(publisher_id)));
    if (own) oldest = std::min(oldest.value_or(*own), *own);
  }
  return oldest;
}

// The index has nearly the same order as the events: it differs by at most the events that two servers have in flight
// at the same time. So only entries shortly after the first one found can be older.
std::optional<std::uint64_t> StreamQueries::find(std::string_view publisher_id, const TopicFilter& filter) const {
  constexpr std::uint64_t kOutOfOrder = 2 * kStoreGroupEntries;
  std::optional<std::uint64_t> oldest = has_former_ids_ ? former(publisher_id, filter) : std::nullopt;
  const std::uint64_t oldest_here = state().oldest;
  std::size_t looks = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    const std::string subject = ids() + "." + id_token(publisher_id) + ".*." + topic_subject(pattern.view());
    std::uint64_t last = UINT64_MAX;
    std::size_t ahead = 1;
    for (std::uint64_t from = 1; from <= last;) {
      if (++looks > kMaxIdHolders) return std::nullopt;
      const std::deque<StreamEntry> entries = next(ids(), subject, from, ahead);
      if (entries.empty()) break;
      for (const StreamEntry& entry : entries) {
        const auto found = indexed(entry, oldest_here);
        if (!found) continue;
        oldest = std::min(oldest.value_or(*found), *found);
        last = std::min(last, entry.sequence + kOutOfOrder);
      }
      from = entries.back().sequence + 1;
    }
  }
  return oldest;
}

std::string StreamQueries::index_subject(const IdKey& key) const {
  return ids() + "." + id_token(key.id) + "." + publisher_token(key.publisher) + "." + topic_subject(key.topic);
}

NatsMessage StreamQueries::index_entry(const IdKey& key, std::uint64_t sequence, std::string& data) const {
  data = std::to_string(sequence) + ' ' + tag(sequence);
  return {.subject = index_subject(key), .headers = {}, .data = data};
}

}  // namespace millrace
