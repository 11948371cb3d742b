#include "pg_access.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "pg_rows.h"
#include "pg_schema.h"
#include "stores/common/named_store.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;
using Time = std::chrono::system_clock::time_point;

// Before `oldest`, an event of several topics is there only for those that retain it.
constexpr PgStatement kPage{
    "access_page",
    "SELECT e.sequence, CASE WHEN e.sequence < l.oldest AND strpos(e.topic, E'\\n') > 0 THEN (SELECT"
    " string_agg(t.topic, E'\\n' ORDER BY t.place) FROM millrace_topics t WHERE t.sequence = e.sequence AND t.retained)"
    " ELSE e.topic END, e.kind, e.publisher_id, e.publisher, e.published, e.payload, e.retained"
    " FROM millrace_log l, millrace_events e WHERE e.sequence > $1 ORDER BY e.sequence LIMIT $2"};

// Of several topics of an event, those that have a newer event or are finished do not retain it.
constexpr const char* kReleaseFilled = R"sql(
UPDATE millrace_topics t SET retained = false WHERE retained AND EXISTS
  (SELECT 1 FROM millrace_by_topic n WHERE n.topic = t.topic AND n.sequence > t.sequence AND n.kind <> 2);
UPDATE millrace_events e SET retained = false WHERE retained AND strpos(topic, E'\n') > 0 AND NOT EXISTS
  (SELECT 1 FROM millrace_topics t WHERE t.sequence = e.sequence AND t.retained))sql";

// The log's row, from the events that are there.
std::string filled_log(const StoreDescription& log) {
  const std::string head = std::to_string(log.head);
  const std::string oldest = std::to_string(log.oldest);
  return "UPDATE millrace_log SET epoch = '" + log.epoch + "', head = " + head +
         ", (oldest, entries, bytes, retained_topics, retained_bytes) = (SELECT coalesce(min(sequence) FILTER (WHERE"
         " sequence >= " +
         oldest + "), " + head + " + 1), count(*) FILTER (WHERE sequence >= " + oldest +
         "), coalesce(sum(cost) FILTER (WHERE sequence >= " + oldest +
         "), 0), (SELECT count(*) FROM millrace_by_topic WHERE retained AND strpos(topic, E'\\n') = 0),"
         " (SELECT coalesce(sum(e.cost), 0) FROM millrace_by_topic t JOIN millrace_events e USING (sequence)"
         " WHERE t.retained AND strpos(t.topic, E'\\n') = 0) FROM millrace_events)";
}

constexpr const char* kDamage = R"sql(
SELECT (SELECT count(*) FROM millrace_log) <> 1, 'millrace_log does not have one row'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_events, millrace_log WHERE sequence > head),
  'millrace_events has entries after the head of millrace_log'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_events, millrace_log WHERE sequence < oldest AND NOT retained),
  'millrace_events has entries before the oldest of millrace_log'
UNION ALL SELECT (SELECT count(*) FROM millrace_events, millrace_log WHERE sequence >= oldest)
    <> (SELECT sum(entries) FROM millrace_log),
  'millrace_log counts other entries than millrace_events has'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_events WHERE kind NOT IN (0, 1, 2)), 'entries are of an unknown kind'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_by_topic WHERE retained AND strpos(topic, E'\n') = 0
    GROUP BY topic HAVING count(*) > 1),
  'a topic has several retained events'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_topics WHERE sequence NOT IN (SELECT sequence FROM millrace_events)),
  'millrace_topics has entries that millrace_events does not have'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_log l JOIN millrace_events e ON e.sequence >= l.oldest WHERE e.topic <>
    (SELECT string_agg(t.topic, E'\n' ORDER BY t.place) FROM millrace_topics t WHERE t.sequence = e.sequence)),
  'millrace_topics has other topics of an event than millrace_events'
)sql";

}  // namespace

PgAccess::PgAccess(const PgConnection::Options& options, std::string shown)
    : options_(options), shown_(std::move(shown)), connection_(options) {
  // Whoever takes the entries may take his time.
  connection_.execute("SET idle_in_transaction_session_timeout = 0");
}

template <typename Work>
auto PgAccess::named(const Work& work) -> decltype(work()) {
  return naming_store<PgError>(shown_, work);
}

void PgAccess::check_tables() {
  if (connection_.execute("SELECT to_regclass('millrace_log')").is_null(0, 0)) {
    throw StoreUnavailable("there are no tables of Millrace in this schema");
  }
}

// Throws if the tables are not of this program's version.
void PgAccess::check_current_tables() {
  check_tables();
  const std::uint64_t version = schema_version(connection_);
  if (version == kPostgresSchemaVersion) return;
  throw StoreUnavailable("its tables are of version " + std::to_string(version) +
                         ", and must be updated first: millrace store migrate");
}

StoreDescription PgAccess::describe() {
  return named([&] {
    check_tables();
    const PgResult rows = connection_.execute(std::string("SELECT ") + PgLogRow::kColumns + " FROM millrace_log");
    const PgLogRow log = PgLogRow::of(rows);
    return StoreDescription{.version = log.version,
                            .known_version = kPostgresSchemaVersion,
                            .epoch = log.epoch,
                            .oldest = log.oldest,
                            .head = log.head,
                            .entries = log.entries,
                            .retained_topics = log.retained_topics,
                            .durability = durability_of(connection_).level};
  });
}

std::vector<std::string> PgAccess::find_damage() {
  return named([&] {
    check_current_tables();
    const PgTransaction state(connection_, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    std::vector<std::string> damage = damage_of_tables();
    std::uint64_t seen = 0;
    for (auto entries = page_after(seen); !entries.empty(); entries = page_after(seen)) {
      seen = entries.back().entry.sequence;
    }
    return damage;
  });
}

void PgAccess::update(Update update) {
  named([&] {
    check_tables();
    PgTransaction transaction(connection_, "BEGIN; SELECT version FROM millrace_log FOR UPDATE");
    const std::uint64_t version = schema_version(connection_);
    if (version == kPostgresSchemaVersion) return;
    update_schema(connection_, version);
    const std::vector<std::string> damage = damage_of_tables();
    if (!damage.empty()) throw StoreUnavailable("the updated tables are damaged: " + damage.front());
    if (update == Update::kKeep) transaction.commit();
  });
}

// In a transaction: of one state.
std::vector<std::string> PgAccess::damage_of_tables() {
  std::vector<std::string> damage;
  const PgResult rows = connection_.execute(kDamage);
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.number(row, 0) != 0) damage.emplace_back(rows.text(row, 1));
  }
  return damage;
}

std::vector<StoreAccess::Entry> PgAccess::read_after(std::uint64_t sequence) {
  return named([&] {
    if (!is_reading_) {
      check_current_tables();
      connection_.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      is_reading_ = true;
    }
    return page_after(sequence);
  });
}

std::vector<StoreAccess::Entry> PgAccess::page_after(std::uint64_t sequence) {
  const PgResult rows = connection_.run(
      kPage, PgParams().number(std::min<std::uint64_t>(sequence, INT64_MAX)).number(EventStore::kPageEntries));
  std::vector<Entry> entries;
  for (int row = 0; row < rows.size(); ++row) {
    LogEntry entry{.sequence = rows.number(row, 0),
                   .topic = Topic("-"),
                   .kind = static_cast<Kind>(rows.number(row, 2)),
                   .publisher_id = std::string(rows.text(row, 3)),
                   .publisher_key = std::string(rows.text(row, 4)),
                   .payload = std::string(rows.text(row, 6)),
                   .published = Time(std::chrono::milliseconds(rows.number(row, 5)))};
    if (!entry.set_topics(rows.text(row, 1))) {
      throw StoreUnavailable("the entry " + std::to_string(entry.sequence) + " has an invalid topic");
    }
    entries.push_back({.entry = std::move(entry), .is_retained = rows.number(row, 7) != 0});
  }
  return entries;
}

void PgAccess::fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) {
  named([&] {
    check_log(log);
    prepare_schema(connection_, options_.schema, log.epoch);
    fill_tables(log, next);
  });
}

void PgAccess::fill_tables(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) {
  PgTransaction transaction(connection_,
                            std::string("BEGIN; SELECT ") + PgLogRow::kColumns + " FROM millrace_log FOR UPDATE");
  const std::uint64_t head = PgLogRow::of(transaction.begun()).head;
  if (head != 0) {
    throw StoreUnavailable("it has had " + std::to_string(head) + " entries; name another schema");
  }
  std::vector<Entry> group;
  std::size_t bytes = 0;
  const auto insert_group = [&] {
    if (!group.empty()) insert(group);
    group.clear();
    bytes = 0;
  };
  while (std::optional<Entry> entry = next()) {
    bytes += entry->entry.payload.size();
    group.push_back(std::move(*entry));
    if (group.size() == EventStore::kPageEntries || bytes >= EventStore::kPageBytes) insert_group();
  }
  insert_group();
  connection_.execute(kReleaseFilled);
  connection_.execute(filled_log(log));
  transaction.commit();
}

void PgAccess::insert(const std::vector<Entry>& entries) {
  PgRows rows;
  for (const Entry& one : entries) {
    rows.add(one.entry, [&](std::string_view /*topic*/) { return one.is_retained; });
  }
  rows.insert(connection_);
}

}  // namespace millrace
