#include "pg_rows.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr PgStatement kInsert{
    "insert",
    "INSERT INTO millrace_events"
    " (sequence, topic, kind, publisher_id, id_topic, publisher, published, payload, retained)"
    " SELECT s, t, k, i, d, p, w, y, r FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) u(s, t, k, i, d, p, w, y, r)"};
constexpr PgStatement kInsertTopics{
    "insert_topics",
    "INSERT INTO millrace_topics (topic, sequence, place, size, publisher_id, id_topic, publisher, retained)"
    " SELECT t, s, n, z, i, d, p, r FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) u(t, s, n, z, i, d, p, r)"};

}  // namespace

std::uint64_t milliseconds_of(std::chrono::system_clock::time_point time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

void PgRows::add(const LogEntry& entry, const std::function<bool(std::string_view)>& is_retained) {
  const bool has_id = !entry.publisher_id.empty();
  const bool is_of_several = entry.topic_count() > 1;
  bool is_kept = false;
  for (std::size_t place = 0; place < entry.topic_count(); ++place) {
    const bool is_kept_here = is_retained(entry.topic_at(place).view());
    is_kept = is_kept || is_kept_here;
    if (is_of_several) add_topic(entry, place, is_kept_here);
  }
  entries_.sequences.push_back(entry.sequence);
  entries_.topics.push_back(is_of_several ? joined_.emplace_back(entry.joined_topics()) : entry.topic.view());
  entries_.kinds.push_back(static_cast<std::uint64_t>(entry.kind));
  entries_.ids.push_back(has_id ? MaybeBytes(entry.publisher_id) : std::nullopt);
  entries_.id_topics.push_back(has_id && !is_of_several ? MaybeBytes(entry.topic.view()) : std::nullopt);
  entries_.publishers.emplace_back(entry.publisher_key);
  entries_.times.push_back(milliseconds_of(entry.published));
  entries_.payloads.emplace_back(entry.payload);
  entries_.retained.push_back(is_kept);
}

void PgRows::add_topic(const LogEntry& entry, std::size_t place, bool is_retained) {
  const bool has_id = !entry.publisher_id.empty();
  const std::string_view topic = entry.topic_at(place).view();
  topics_.topics.push_back(topic);
  topics_.sequences.push_back(entry.sequence);
  topics_.places.push_back(place);
  topics_.sizes.push_back(entry.payload.size());
  topics_.ids.push_back(has_id ? MaybeBytes(entry.publisher_id) : std::nullopt);
  topics_.id_topics.push_back(has_id ? MaybeBytes(topic) : std::nullopt);
  topics_.publishers.emplace_back(entry.publisher_key);
  topics_.retained.push_back(is_retained);
}

void PgRows::insert(PgConnection& connection) const {
  connection.run(kInsert, PgParams()
                              .numbers(entries_.sequences)
                              .texts(entries_.topics)
                              .numbers(entries_.kinds)
                              .blobs(entries_.ids)
                              .blobs(entries_.id_topics)
                              .blobs(entries_.publishers)
                              .numbers(entries_.times)
                              .blobs(entries_.payloads)
                              .flags(entries_.retained));
  if (topics_.topics.empty()) return;
  connection.run(kInsertTopics, PgParams()
                                    .texts(topics_.topics)
                                    .numbers(topics_.sequences)
                                    .numbers(topics_.places)
                                    .numbers(topics_.sizes)
                                    .blobs(topics_.ids)
                                    .blobs(topics_.id_topics)
                                    .blobs(topics_.publishers)
                                    .flags(topics_.retained));
}

}  // namespace millrace
