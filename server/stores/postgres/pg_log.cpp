#include "pg_log.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "log/id_holders.h"
#include "log/retention.h"
#include "log/turns.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;
using Time = std::chrono::system_clock::time_point;

// Entries that a commit drops for each that it appends, when there are too many, so that it catches up by and by; and
// those that are dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredPerAppended = 2;
constexpr std::uint64_t kRetiredAtOnce = 1'024;

constexpr std::uint64_t kMaxSequence = INT64_MAX;

std::uint64_t milliseconds_of(Time time) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

std::size_t cost_of(const LogEntry& entry) {
  return entry.payload.size() + entry.topic.text().size() + entry.publisher_id.size() + entry.publisher_key.size();
}

constexpr PgStatement kTopicStates{
    "topic_states",
    "SELECT coalesce(f.sequence, 0), coalesce(o.sequence, 0), coalesce((SELECT e.sequence FROM millrace_events e"
    " WHERE e.topic = t.topic AND e.kind = 1 AND e.sequence < o.sequence AND e.sequence >= $2"
    " ORDER BY e.sequence DESC LIMIT 1), 0)"
    " FROM unnest($1) WITH ORDINALITY t(topic, n)"
    " LEFT JOIN LATERAL (SELECT e.sequence FROM millrace_events e WHERE e.topic = t.topic AND e.kind = 1"
    " AND e.sequence >= $2 ORDER BY e.sequence DESC LIMIT 1) f ON true"
    " LEFT JOIN LATERAL (SELECT e.sequence FROM millrace_events e WHERE e.topic = t.topic AND e.kind <> 1"
    " AND e.sequence >= $2 ORDER BY e.sequence DESC LIMIT 1) o ON true ORDER BY n"};
constexpr PgStatement kIds{
    "ids",
    "SELECT coalesce((SELECT max(e.sequence) FROM millrace_events e WHERE e.publisher_id = k.id AND e.id_topic = "
    "k.topic"
    " AND e.publisher = k.publisher), 0) FROM unnest($1, $2, $3) WITH ORDINALITY k(id, topic, publisher, n) ORDER BY "
    "n"};
constexpr PgStatement kInsert{
    "insert",
    "INSERT INTO millrace_events"
    " (sequence, topic, kind, publisher_id, id_topic, publisher, published, payload, retained)"
    " SELECT s, t, k, i, d, p, $7, y, r FROM unnest($1, $2, $3, $4, $5, $6, $8, $9) u(s, t, k, i, d, p, y, r)"};
constexpr PgStatement kSave{
    "save",
    "WITH saved AS (UPDATE millrace_log SET head = $1, oldest = $2, entries = $3, bytes = $4, retained_topics = $5,"
    " retained_bytes = $6 RETURNING epoch) SELECT pg_notify('millrace_' || epoch, '') FROM saved"};
constexpr PgStatement kOldEntries{
    "old_entries",
    "SELECT sequence, published, cost FROM millrace_events WHERE sequence >= $1 ORDER BY sequence LIMIT $2"};
constexpr PgStatement kRemove{"remove",
                              "DELETE FROM millrace_events WHERE sequence >= $1 AND sequence <= $2 AND NOT retained"};
constexpr PgStatement kReleaseOld{"release_old",
                                  "DELETE FROM millrace_events WHERE retained AND topic = ANY($1)"
                                  " AND sequence < $2 RETURNING cost"};
constexpr PgStatement kRelease{"release",
                               "UPDATE millrace_events SET retained = false WHERE retained"
                               " AND topic = ANY($1) RETURNING cost"};
constexpr PgStatement kRetainedCost{"retained_cost", "SELECT cost FROM millrace_events WHERE retained AND topic = $1"};
constexpr PgStatement kWaiting{
    "waiting",
    "SELECT o.id, o.kind, o.topic, o.data, o.event, o.event_id, o.retain FROM millrace_outbox o JOIN"
    " (SELECT id, sum(octet_length(data)) OVER (ORDER BY id) - octet_length(data) AS ahead FROM"
    " (SELECT id, data FROM millrace_outbox WHERE refused IS NULL ORDER BY id LIMIT $1) f) w USING (id)"
    " WHERE w.ahead < $2 ORDER BY o.id"};
constexpr PgStatement kMoved{"moved", "DELETE FROM millrace_outbox WHERE id = ANY($1)"};
constexpr PgStatement kRefused{"refused", "UPDATE millrace_outbox SET refused = $2 WHERE id = $1"};

// A topic in the middle of a group.
struct TopicState {
  std::uint64_t last_finish = 0;
  std::uint64_t last_other = 0;
  std::uint64_t life_before = 0;  // the finish after which it has begun anew
  bool is_finished() const { return last_finish > last_other; }
  void add(std::uint64_t sequence, Kind kind) {
    if (kind == Kind::kFinish) {
      last_finish = sequence;
      return;
    }
    if (is_finished()) life_before = last_finish;
    last_other = sequence;
  }
};

using IdOf = std::tuple<std::string, std::string_view, std::string>;  // ID, topic, publisher_key()

}  // namespace

// What a group adds, in the making.
class PgWriter::Batch {
 public:
  // Asks the database for all that decides which of the group's publications are new.
  Batch(PgConnection& connection, std::span<PgContribution* const> group, std::uint64_t oldest) {
    for (const PgContribution* contribution : group) {
      for (const Publication& publication : contribution->publications) note(publication);
    }
    if (!states_.empty()) ask_states(connection, oldest);
    if (!ids_.empty()) ask_ids(connection);
  }

  bool is_new(const Publication& publication) const {
    if (publication.kind != Kind::kEvent) {
      return states_.at(publication.topic.view()).is_finished() == (publication.kind == Kind::kBegin);
    }
    if (publication.event.id.empty()) return true;
    const std::uint64_t found = ids_.at(id_of(publication));
    return found == 0 || found < states_.at(publication.topic.view()).life_before;
  }
  void add(LogEntry entry, const Publication& publication) {
    if (const auto state = states_.find(publication.topic.view()); state != states_.end()) {
      state->second.add(entry.sequence, entry.kind);
    }
    if (!entry.publisher_id.empty()) ids_[id_of(publication)] = entry.sequence;
    if (entry.kind != Kind::kBegin) {
      // The newest of its topic, or none any more, is what can be retained.
      const auto [last, is_first] = last_of_topic_.try_emplace(publication.topic.view(), entries.size());
      if (!is_first) retained[std::exchange(last->second, entries.size())] = false;
    }
    retained.push_back(publication.retain && entry.kind == Kind::kEvent);
    entries.push_back(std::move(entry));
  }
  // With an event or a finish.
  std::vector<std::string_view> topics() const {
    std::vector<std::string_view> topics;
    for (const auto& [topic, index] : last_of_topic_) topics.push_back(topic);
    return topics;
  }

  std::vector<LogEntry> entries;
  std::vector<bool> retained;  // for each entry

 private:
  static IdOf id_of(const Publication& publication) {
    return {std::string(publication.event.id.view()), publication.topic.view(), publisher_key(publication.publisher)};
  }
  void note(const Publication& publication) {
    const bool has_id = publication.kind == Kind::kEvent && !publication.event.id.empty();
    if (has_id) ids_.try_emplace(id_of(publication), 0);
    if (has_id || publication.kind != Kind::kEvent) states_.try_emplace(publication.topic.view());
  }
  void ask_states(PgConnection& connection, std::uint64_t oldest) {
    std::vector<std::string_view> topics;
    for (const auto& [topic, state] : states_) topics.push_back(topic);
    const PgResult rows = connection.run(kTopicStates, PgParams().texts(topics).number(oldest));
    int row = 0;
    for (auto& [topic, state] : states_) {
      state = {
          .last_finish = rows.number(row, 0), .last_other = rows.number(row, 1), .life_before = rows.number(row, 2)};
      ++row;
    }
  }
  void ask_ids(PgConnection& connection) {
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

  std::map<std::string_view, TopicState> states_;  // of the publications that ask for it
  std::map<IdOf, std::uint64_t> ids_;              // the sequence; 0: none
  std::map<std::string_view, std::size_t> last_of_topic_;
};

PgWriter::PgWriter(const Options& options, std::uint64_t head)
    : bounds_(options.bounds), connection_(options.connection), given_away_(head) {
  prepare_schema(connection_, options.connection.schema, options.new_epoch);
  durability_ = durability_of(connection_);
  // Shows whether it can be written.
  PgTransaction transaction(connection_,
                            std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE");
  lock_log(transaction);
  save_log();
  transaction.commit();
}

void PgWriter::lock_log(const PgTransaction& transaction) {
  log_ = PgLogRow::of(transaction.begun());
  if (log_.head >= given_away_) return;
  if (log_.entries == 0) log_.oldest = given_away_ + 1;
  log_.head = given_away_;
}

void PgWriter::save_log() {
  connection_.run(kSave, PgParams()
                             .number(log_.head)
                             .number(log_.oldest)
                             .number(log_.entries)
                             .number(log_.bytes)
                             .number(log_.retained_topics)
                             .number(log_.retained_bytes));
}

std::vector<LogEntry> PgWriter::append(std::span<PgContribution* const> group, Time now) {
  PgTransaction transaction(connection_,
                            std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE");
  lock_log(transaction);
  std::vector<LogEntry> entries = append_locked(group, now);
  if (entries.empty()) return entries;
  save_log();
  transaction.commit();
  given_away_ = std::max(given_away_, log_.head);
  return entries;
}

std::vector<LogEntry> PgWriter::append_locked(std::span<PgContribution* const> group, Time now) {
  Batch batch(connection_, group, log_.oldest);
  std::optional<RetentionCheck> check(
      std::in_place, log_.retained_topics, log_.retained_bytes,
      RetentionCheck::Bounds{.topics = bounds_.retained_topics, .bytes = bounds_.retained_bytes});
  const bool retains = std::any_of(group.begin(), group.end(), [](const PgContribution* one) {
    return std::any_of(one->publications.begin(), one->publications.end(), [](const auto& p) { return p.retain; });
  });
  for (PgContribution* contribution : group) {
    if (retains) {
      RetentionCheck tried = *check;  // of one that is refused nothing counts
      for (const Publication& publication : contribution->publications) {
        if (!batch.is_new(publication)) continue;
        const auto cost = [&] { return cost_of(LogEntry::of(log_.epoch, log_.head + 1, publication, now)); };
        const auto before = [&] { return retained_cost(publication.topic.view()); };
        if ((contribution->refusal = tried.add(publication, cost, before))) break;
      }
      if (contribution->refusal) continue;
      check.emplace(std::move(tried));
    }
    for (std::size_t i = 0; i < contribution->publications.size(); ++i) {
      const Publication& publication = contribution->publications[i];
      contribution->sequences[i] = batch.is_new(publication) ? ++log_.head : 0;
      if (contribution->sequences[i] == 0) continue;
      LogEntry entry = LogEntry::of(log_.epoch, log_.head, publication, now);
      log_.bytes += cost_of(entry);
      ++log_.entries;
      batch.add(std::move(entry), publication);
    }
  }
  if (batch.entries.empty()) return {};
  if (log_.retained_topics > 0) release_retained(batch);
  insert(batch);
  retire_locked(kRetiredPerAppended * batch.entries.size() + 1, std::nullopt);
  return std::move(batch.entries);
}

std::size_t PgWriter::retained_cost(std::string_view topic) {
  if (log_.retained_topics == 0) return 0;
  const PgResult rows = connection_.run(kRetainedCost, PgParams().text(topic));
  return rows.size() == 0 ? 0 : rows.number(0, 0);
}

// What has a newer event now, or is finished.
void PgWriter::release_retained(const Batch& batch) {
  const std::vector<std::string_view> topics = batch.topics();
  const auto release = [&](const PgResult& rows) {
    for (int row = 0; row < rows.size(); ++row) {
      --log_.retained_topics;
      log_.retained_bytes -= rows.number(row, 0);
    }
  };
  release(connection_.run(kReleaseOld, PgParams().texts(topics).number(log_.oldest)));
  release(connection_.run(kRelease, PgParams().texts(topics)));
}

void PgWriter::insert(const Batch& batch) {
  std::vector<std::uint64_t> sequences;
  std::vector<std::uint64_t> kinds;
  std::vector<std::string_view> topics;
  std::vector<std::optional<std::string_view>> publishers;
  std::vector<std::optional<std::string_view>> ids;
  std::vector<std::optional<std::string_view>> id_topics;
  std::vector<std::optional<std::string_view>> payloads;
  for (std::size_t i = 0; i < batch.entries.size(); ++i) {
    const LogEntry& entry = batch.entries[i];
    sequences.push_back(entry.sequence);
    kinds.push_back(static_cast<std::uint64_t>(entry.kind));
    topics.push_back(entry.topic.view());
    publishers.emplace_back(entry.publisher_key);
    const bool has_id = !entry.publisher_id.empty();
    ids.push_back(has_id ? std::optional<std::string_view>(entry.publisher_id) : std::nullopt);
    id_topics.push_back(has_id ? std::optional(entry.topic.view()) : std::nullopt);
    payloads.emplace_back(entry.payload);
    if (!batch.retained[i]) continue;
    ++log_.retained_topics;
    log_.retained_bytes += cost_of(entry);
  }
  connection_.run(kInsert, PgParams()
                               .numbers(sequences)
                               .texts(topics)
                               .numbers(kinds)
                               .blobs(ids)
                               .blobs(id_topics)
                               .blobs(publishers)
                               .number(milliseconds_of(batch.entries.front().published))
                               .blobs(payloads)
                               .flags(batch.retained));
}

std::vector<LogEntry> PgWriter::move_outbox(Time now) {
  PgTransaction transaction(connection_,
                            std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE");
  lock_log(transaction);
  const PgResult rows = connection_.run(kWaiting, PgParams().number(kStoreGroupEntries).number(kStoreGroupBytes));
  struct Row {
    Publication publication;
    std::uint64_t sequence = 0;
    std::uint64_t id = 0;
  };
  std::vector<Row> waiting;
  waiting.reserve(static_cast<std::size_t>(rows.size()));
  const auto refuse = [&](std::uint64_t id, std::string_view why) {
    connection_.run(kRefused, PgParams().number(id).text(why));
  };
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t id = rows.number(row, 0);
    const auto topic = Topic::parse(rows.text(row, 2));
    const auto type = EventType::parse(rows.text(row, 4));
    const auto event_id = EventId::parse(rows.text(row, 5));
    if (!topic || !type || !event_id) {
      refuse(id, "topic, event or id is not valid");
      continue;
    }
    const bool is_event = rows.number(row, 1) == 0;
    Publication publication{.topic = *topic, .kind = is_event ? Kind::kEvent : Kind::kFinish};
    if (is_event) publication.event = {.type = *type, .data = rows.text(row, 3), .id = *event_id};
    publication.retain = is_event && rows.number(row, 6) != 0;
    waiting.push_back({.publication = publication, .id = id});
  }
  std::vector<PgContribution> contributions;
  contributions.reserve(waiting.size());
  std::vector<PgContribution*> group;
  for (Row& row : waiting) {
    group.push_back(&contributions.emplace_back(
        PgContribution{.publications = {&row.publication, 1}, .sequences = {&row.sequence, 1}}));
  }
  std::vector<LogEntry> entries = append_locked(group, now);
  std::vector<std::uint64_t> moved;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (contributions[i].refusal) {
      refuse(waiting[i].id, *contributions[i].refusal);
    } else {
      moved.push_back(waiting[i].id);
    }
  }
  connection_.run(kMoved, PgParams().numbers(moved));
  save_log();
  transaction.commit();
  given_away_ = std::max(given_away_, log_.head);
  return entries;
}

bool PgWriter::retire(Time now) {
  PgTransaction transaction(connection_,
                            std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE");
  lock_log(transaction);
  std::optional<std::uint64_t> before;
  if (bounds_.age) before = milliseconds_of(now - *bounds_.age);
  const std::uint64_t oldest = log_.oldest;
  const bool more = retire_locked(kRetiredAtOnce, before);
  if (log_.oldest != oldest) save_log();
  transaction.commit();
  return more;
}

// At most so many of the oldest; true if there may be more.
bool PgWriter::retire_locked(std::uint64_t most, std::optional<std::uint64_t> published_before) {
  const auto is_too_much = [&] {
    return (bounds_.events && log_.entries > *bounds_.events) ||
           (bounds_.bytes && log_.bytes > *bounds_.bytes && log_.entries > 1);
  };
  if (!is_too_much() && !published_before) return false;
  const PgResult rows = connection_.run(kOldEntries, PgParams().number(log_.oldest).number(most + 1));
  std::uint64_t last = 0;
  int row = 0;
  for (; row < rows.size() && static_cast<std::uint64_t>(row) < most; ++row) {
    if (!is_too_much() && !(published_before && rows.number(row, 1) < *published_before)) break;
    last = rows.number(row, 0);
    --log_.entries;
    log_.bytes -= std::min<std::uint64_t>(log_.bytes, rows.number(row, 2));
  }
  if (last == 0) return false;
  connection_.run(kRemove, PgParams().number(log_.oldest).number(last));
  log_.oldest = row < rows.size() ? rows.number(row, 0) : log_.head + 1;
  return static_cast<std::uint64_t>(row) == most;
}

// --- Reading --------------------------------------------------------------------------------------------------------

namespace {

constexpr PgStatement kLog{"log",
                           "SELECT epoch, head, oldest, entries, bytes, retained_topics, retained_bytes"
                           " FROM millrace_log"};
constexpr PgStatement kHasWaiting{"has_waiting", "SELECT EXISTS (SELECT 1 FROM millrace_outbox WHERE refused IS NULL)"};
constexpr PgStatement kHolder{
    "holder",
    "SELECT id_topic, publisher, sequence FROM (SELECT id_topic, publisher FROM millrace_events WHERE publisher_id = $1"
    " AND (id_topic, publisher) >= ($2, $3) ORDER BY id_topic, publisher LIMIT 1) h, LATERAL (SELECT max(e.sequence) AS"
    " sequence FROM millrace_events e WHERE e.publisher_id = $1 AND e.id_topic = h.id_topic"
    " AND e.publisher = h.publisher) m"};
constexpr PgStatement kFirstFinish{
    "first_finish",
    "SELECT coalesce(min(sequence), 0) FROM millrace_events WHERE topic = $1 AND kind = 1 AND sequence >= $2"
    " AND sequence >= (SELECT oldest FROM millrace_log)"};
constexpr PgStatement kOfTopics{
    "of_topics",
    "SELECT e.sequence, e.size FROM unnest($1) t(topic) CROSS JOIN LATERAL (SELECT sequence, octet_length(payload) AS"
    " size FROM millrace_events WHERE topic = t.topic AND sequence > $2 AND sequence <= $3"
    " AND sequence >= (SELECT oldest FROM millrace_log) ORDER BY sequence LIMIT $4) e ORDER BY 1 LIMIT $4"};
constexpr PgStatement kScan{"scan",
                            "SELECT sequence, octet_length(payload), topic FROM millrace_events WHERE sequence > $1"
                            " AND sequence <= $2 AND sequence >= (SELECT oldest FROM millrace_log)"
                            " ORDER BY sequence LIMIT $3"};
// $4: whether finished topics count.
constexpr PgStatement kNewestOfTopics{
    "newest_of_topics",
    "SELECT e.sequence, e.size FROM unnest($1) t(topic) CROSS JOIN LATERAL (SELECT sequence, octet_length(payload) AS"
    " size FROM millrace_events WHERE topic = t.topic AND kind = 0 ORDER BY sequence DESC LIMIT 1) e"
    " WHERE e.sequence > $2 AND e.sequence <= $3 AND ($4 = 1 OR NOT EXISTS (SELECT 1 FROM millrace_events f"
    " WHERE f.topic = t.topic AND f.kind = 1 AND f.sequence > e.sequence)) ORDER BY 1"};
constexpr PgStatement kScanNewest{
    "scan_newest",
    "SELECT s.sequence, s.size, s.topic, s.kind = 0 AND NOT EXISTS (SELECT 1 FROM millrace_events n"
    " WHERE n.topic = s.topic AND n.sequence > s.sequence AND (n.kind = 0 OR (n.kind = 1 AND $3 = 0)))"
    " FROM (SELECT sequence, octet_length(payload) AS size, topic, kind FROM millrace_events WHERE sequence > $1"
    " AND sequence <= $2 ORDER BY sequence LIMIT $4) s ORDER BY 1"};
constexpr PgStatement kRetainedAfter{"retained_after",
                                     "SELECT sequence, topic FROM millrace_events WHERE sequence > $1"
                                     " AND sequence < (SELECT oldest FROM millrace_log) ORDER BY sequence LIMIT $2"};
constexpr PgStatement kFetch{
    "fetch",
    "SELECT l.oldest, e.sequence, e.topic, e.kind, e.publisher_id, e.publisher, e.published, e.payload"
    " FROM millrace_log l LEFT JOIN millrace_events e ON e.sequence = ANY($1) ORDER BY e.sequence"};

std::vector<std::string_view> topics_of(const TopicFilter& filter) {
  std::vector<std::string_view> topics;
  for (const TopicPattern& pattern : filter.patterns()) topics.push_back(pattern.view());
  return topics;
}

Topic topic_in(const PgResult& rows, int row, int column) {
  const auto topic = Topic::parse(rows.text(row, column));
  if (!topic) throw PgError("millrace_events has a topic that is none: another program has written there");
  return *topic;
}

// The sequences for a page of rows that all match, and how far it goes.
struct Chosen {
  std::vector<std::uint64_t> sequences = {};
  std::uint64_t through = 0;
};

Chosen first_of(const PgResult& rows, std::uint64_t end) {
  Chosen chosen{.through = end};
  std::size_t bytes = 0;
  for (int row = 0; row < rows.size(); ++row) {
    if (chosen.sequences.size() == EventStore::kPageEntries || bytes >= EventStore::kPageBytes) {
      chosen.through = chosen.sequences.back();
      break;
    }
    chosen.sequences.push_back(rows.number(row, 0));
    bytes += rows.number(row, 1);
  }
  return chosen;
}

}  // namespace

PgLogRow PgQueries::log() {
  return PgLogRow::of(connection_.run(kLog));
}

bool PgQueries::has_waiting() {
  return connection_.run(kHasWaiting).number(0, 0) != 0;
}

std::optional<std::uint64_t> PgQueries::find(std::string_view publisher_id, const TopicFilter& filter) {
  if (publisher_id.empty()) return std::nullopt;
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    const PgResult rows = connection_.run(kHolder, PgParams().bytes(publisher_id).bytes(topic).bytes(publisher));
    if (rows.size() == 0) return std::nullopt;
    return IdHolder{
        .topic = topic_in(rows, 0, 0), .publisher = std::string(rows.text(0, 1)), .sequence = rows.number(0, 2)};
  });
}

std::optional<std::uint64_t> PgQueries::finished_at(const TopicFilter& filter, std::uint64_t seen) {
  if (!filter.is_literal()) return std::nullopt;
  const std::vector<std::string_view> topics = topics_of(filter);
  if (topics.size() == 1) {
    const PgResult first =
        connection_.run(kFirstFinish, PgParams().text(topics.front()).number(std::min(seen, kMaxSequence)));
    if (first.number(0, 0) != 0) return first.number(0, 0);
  }
  const PgResult rows = connection_.run(kTopicStates, PgParams().texts(topics).number(log().oldest));
  std::uint64_t last = 0;
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t finish = rows.number(row, 0);
    if (finish <= rows.number(row, 1)) return std::nullopt;
    last = std::max(last, finish);
  }
  return last;
}

// In one state of the database, so that no entry is missing without `oldest` saying so.
EventStore::Page PgQueries::fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through) {
  const PgResult rows = connection_.run(kFetch, PgParams().numbers(sequences));
  if (rows.size() == 0) throw PgError("millrace_log has no row");
  EventStore::Page page{.through = through, .oldest = rows.number(0, 0)};
  for (int row = 0; row < rows.size() && !rows.is_null(row, 1); ++row) {
    page.entries.push_back({.sequence = rows.number(row, 1),
                            .topic = topic_in(rows, row, 2),
                            .kind = static_cast<Kind>(rows.number(row, 3)),
                            .publisher_id = std::string(rows.text(row, 4)),
                            .publisher_key = std::string(rows.text(row, 5)),
                            .payload = std::string(rows.text(row, 7)),
                            .published = Time(std::chrono::milliseconds(rows.number(row, 6)))});
  }
  return page;
}

EventStore::Page PgQueries::read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  if (filter.is_literal()) {
    const auto rows = connection_.run(kOfTopics, PgParams()
                                                     .texts(topics_of(filter))
                                                     .number(std::min(sequence, kMaxSequence))
                                                     .number(head)
                                                     .number(EventStore::kPageEntries + 1));
    const Chosen chosen = first_of(rows, head);
    return fetch(chosen.sequences, chosen.through);
  }
  PageScan scan(filter, sequence);
  Chosen chosen{.through = head};
  const auto rows = connection_.run(
      kScan, PgParams().number(std::min(sequence, kMaxSequence)).number(head).number(EventStore::kPageScan));
  for (int row = 0; row < rows.size(); ++row) {
    if (scan.wants(rows.number(row, 0), topic_in(rows, row, 2))) {
      chosen.sequences.push_back(rows.number(row, 0));
      scan.add(rows.number(row, 1));
    }
    if (!scan.is_full()) continue;
    chosen.through = scan.through();
    break;
  }
  return fetch(chosen.sequences, chosen.through);
}

EventStore::Page PgQueries::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                        EventStore::Topics topics) {
  const std::uint64_t takes_finished = topics == EventStore::Topics::kAll ? 1 : 0;
  const std::uint64_t after = std::min(sequence, kMaxSequence);
  if (filter.is_literal()) {
    const auto rows = connection_.run(
        kNewestOfTopics,
        PgParams().texts(topics_of(filter)).number(after).number(std::min(until, kMaxSequence)).number(takes_finished));
    const Chosen chosen = first_of(rows, until);
    return fetch(chosen.sequences, chosen.through);
  }
  PageScan scan(filter, sequence);
  Chosen chosen{.through = until};
  const auto rows = connection_.run(kScanNewest, PgParams()
                                                     .number(after)
                                                     .number(std::min(until, kMaxSequence))
                                                     .number(takes_finished)
                                                     .number(EventStore::kPageScan));
  for (int row = 0; row < rows.size(); ++row) {
    if (scan.wants(rows.number(row, 0), topic_in(rows, row, 2)) && rows.number(row, 3) != 0) {
      chosen.sequences.push_back(rows.number(row, 0));
      scan.add(rows.number(row, 1));
    }
    if (!scan.is_full()) continue;
    chosen.through = scan.through();
    break;
  }
  return fetch(chosen.sequences, chosen.through);
}

std::uint64_t PgQueries::first_after(std::uint64_t sequence, const TopicFilter& filter) {
  PageScan scan(filter, sequence);
  const auto rows = connection_.run(kRetainedAfter,
                                    PgParams().number(std::min(sequence, kMaxSequence)).number(EventStore::kPageScan));
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t one = rows.number(row, 0);
    if (scan.wants(one, topic_in(rows, row, 1)) || scan.is_full()) return one;
  }
  return std::max(log().oldest, sequence + 1);
}

EventStore::Page PgQueries::follow(std::uint64_t sequence) {
  constexpr std::uint64_t kAtOnce = 256;
  const PgLogRow row = log();
  const auto rows =
      connection_.run(kScan, PgParams().number(std::min(sequence, kMaxSequence)).number(row.head).number(kAtOnce));
  Chosen chosen{.through = row.head};
  const bool is_whole = static_cast<std::uint64_t>(rows.size()) < kAtOnce;
  std::size_t bytes = 0;
  for (int i = 0; i < rows.size() && bytes < EventStore::kPageBytes; ++i) {
    chosen.sequences.push_back(rows.number(i, 0));
    bytes += rows.number(i, 1);
  }
  if (!is_whole || bytes >= EventStore::kPageBytes) chosen.through = chosen.sequences.back();
  return fetch(chosen.sequences, chosen.through);
}

}  // namespace millrace
