#include "pg_batch.h"

#include <optional>
#include <utility>

#include "log/id_conflict.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;

constexpr PgStatement kIds{"ids",
                           "SELECT coalesce((SELECT max(e.sequence) FROM millrace_by_topic e WHERE e.publisher_id ="
                           " k.id AND e.id_topic = k.topic AND e.publisher = k.publisher), 0)"
                           " FROM unnest($1, $2, $3) WITH ORDINALITY k(id, topic, publisher, n) ORDER BY n"};

}  // namespace

std::size_t PgBatch::cost_of(const LogEntry& entry) {
  std::size_t topics = entry.topic.text().size();
  for (const OwnedTopic& further : entry.further_topics) topics += 1 + further.text().size();
  return entry.payload.size() + topics + entry.publisher_id.size() + entry.publisher_key.size();
}

PgBatch::PgBatch(PgConnection& connection, std::span<Contribution* const> group, std::uint64_t oldest) {
  for (const Contribution* contribution : group) {
    for (const Publication& publication : contribution->publications) note(publication);
  }
  if (!states_.empty()) ask_states(connection, oldest);
  if (!ids_.empty()) ask_ids(connection);
}

bool PgBatch::is_new(const Publication& publication) const {
  if (publication.kind != Kind::kEvent) {
    return states_.at(publication.topic.view()).is_finished() == (publication.kind == Kind::kBegin);
  }
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    if (!published_as(publication, publication.topic_at(i))) return true;
  }
  return false;
}

// The publisher's event with this ID in the topic, published since the topic began.
std::optional<std::uint64_t> PgBatch::published_as(const Publication& publication, Topic topic) const {
  if (publication.event.id.empty()) return std::nullopt;
  const std::uint64_t found = ids_.at(id_of(publication, topic));
  if (found == 0 || found < states_.at(topic.view()).life_before) return std::nullopt;
  return found;
}

std::optional<std::string> PgBatch::id_conflict(std::span<const Publication> publications) const {
  return millrace::id_conflict(publications,
                               [this](const Publication& one, Topic topic) { return published_as(one, topic); });
}

void PgBatch::add(LogEntry entry, const Publication& publication) {
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    const Topic topic = publication.topic_at(i);
    if (const auto state = states_.find(topic.view()); state != states_.end()) {
      state->second.add(entry.sequence, entry.kind);
    }
    if (!entry.publisher_id.empty()) ids_[id_of(publication, topic)] = entry.sequence;
    if (entry.kind != Kind::kBegin) last_of_topic_[topic.view()] = entries_.size();
  }
  retained_.push_back(publication.retain && entry.kind == Kind::kEvent);
  entries_.push_back(std::move(entry));
}

// A topic retains only its newest event.
bool PgBatch::is_retained(std::size_t index, std::string_view topic) const {
  return retained_[index] && last_of_topic_.at(topic) == index;
}

std::vector<std::string_view> PgBatch::topics() const {
  std::vector<std::string_view> topics;
  for (const auto& [topic, index] : last_of_topic_) topics.push_back(topic);
  return topics;
}

PgBatch::IdOf PgBatch::id_of(const Publication& publication, Topic topic) {
  return {std::string(publication.event.id.view()), topic.view(), publisher_key(publication.publisher)};
}

void PgBatch::note(const Publication& publication) {
  const bool has_id = publication.kind == Kind::kEvent && !publication.event.id.empty();
  if (!has_id && publication.kind == Kind::kEvent) return;
  for (std::size_t i = 0; i < publication.topic_count(); ++i) {
    const Topic topic = publication.topic_at(i);
    if (has_id) ids_.try_emplace(id_of(publication, topic), 0);
    states_.try_emplace(topic.view());
  }
}

void PgBatch::ask_states(PgConnection& connection, std::uint64_t oldest) {
  std::vector<std::string_view> topics;
  for (const auto& [topic, state] : states_) topics.push_back(topic);
  const std::vector<PgTopicState> found = topic_states(connection, topics, oldest);
  auto next = found.begin();
  for (auto& [topic, state] : states_) state = *next++;
}

void PgBatch::ask_ids(PgConnection& connection) {
  std::vector<std::optional<std::string_view>> ids;
  std::vector<std::optional<std::string_view>> topics;
  std::vector<std::optional<std::string_view>> publishers;
  for (const auto& [key, sequence] : ids_) {
    ids.emplace_back(std::get<0>(key));
    topics.emplace_back(std::get<1>(key));
    publishers.emplace_back(std::get<2>(key));
  }
  const PgResult rows = connection.run(kIds, PgParams().blobs(ids).blobs(topics).blobs(publishers));
  int row = 0;
  for (auto& [key, sequence] : ids_) sequence = rows.number(row++, 0);
}

}  // namespace millrace
