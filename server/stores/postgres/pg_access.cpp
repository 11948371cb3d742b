#include "pg_access.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "pg_schema.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;
using Time = std::chrono::system_clock::time_point;

constexpr PgStatement kPage{"access_page",
                            "SELECT sequence, topic, kind, publisher_id, publisher, published, payload, retained"
                            " FROM millrace_events WHERE sequence > $1 ORDER BY sequence LIMIT $2"};
constexpr PgStatement kFill{
    "access_fill",
    "INSERT INTO millrace_events"
    " (sequence, topic, kind, publisher_id, id_topic, publisher, published, payload, retained)"
    " SELECT s, t, k, i, d, p, w, y, r FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) u(s, t, k, i, d, p, w, y, r)"};

// The log's row, from the events that are there.
std::string filled_log(const StoreDescription& log) {
  const std::string head = std::to_string(log.head);
  const std::string oldest = std::to_string(log.oldest);
  return "UPDATE millrace_log SET epoch = '" + log.epoch + "', head = " + head +
         ", (oldest, entries, bytes, retained_topics, retained_bytes) = (SELECT coalesce(min(sequence) FILTER (WHERE"
         " sequence >= " +
         oldest + "), " + head + " + 1), count(*) FILTER (WHERE sequence >= " + oldest +
         "), coalesce(sum(cost) FILTER (WHERE sequence >= " + oldest +
         "), 0), count(*) FILTER (WHERE retained), coalesce(sum(cost) FILTER (WHERE retained), 0) FROM "
         "millrace_events)";
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
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_events WHERE retained GROUP BY topic HAVING count(*) > 1),
  'a topic has several retained events'
UNION ALL SELECT EXISTS (SELECT 1 FROM millrace_events WHERE kind NOT IN (0, 1, 2)), 'entries are of an unknown kind'
)sql";

}  // namespace

PgAccess::PgAccess(const PgConnection::Options& options, std::string shown)
    : options_(options), shown_(std::move(shown)), connection_(options) {
  // Whoever takes the entries may take his time.
  connection_.execute("SET idle_in_transaction_session_timeout = 0");
}

template <typename Work>
auto PgAccess::saying_where(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const StoreUnavailable& failure) {
    throw StoreUnavailable("\"" + shown_ + "\": " + failure.what());
  } catch (const PgError& failure) {
    throw StoreUnavailable("\"" + shown_ + "\": " + failure.what());
  }
}

void PgAccess::check_tables() {
  if (connection_.execute("SELECT to_regclass('millrace_log')").is_null(0, 0)) {
    throw StoreUnavailable("there are no tables of Millrace in this schema");
  }
  check_schema_version(connection_);
}

StoreDescription PgAccess::describe() {
  return saying_where([&] {
    check_tables();
    const PgResult rows =
        connection_.execute(std::string("SELECT ") + PgLogRow::kColumns + ", version FROM millrace_log");
    const PgLogRow log = PgLogRow::of(rows);
    return StoreDescription{.version = rows.number(0, 7),
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
  return saying_where([&] {
    check_tables();
    std::vector<std::string> damage;
    const PgTransaction state(connection_, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const PgResult rows = connection_.execute(kDamage);
    for (int row = 0; row < rows.size(); ++row) {
      if (rows.number(row, 0) != 0) damage.emplace_back(rows.text(row, 1));
    }
    std::uint64_t seen = 0;
    for (auto entries = page_after(seen); !entries.empty(); entries = page_after(seen)) {
      seen = entries.back().entry.sequence;
    }
    return damage;
  });
}

// There has been one version only.
void PgAccess::update(Update /*update*/) {
  saying_where([&] { check_tables(); });
}

std::vector<StoreAccess::Entry> PgAccess::read_after(std::uint64_t sequence) {
  return saying_where([&] {
    if (!is_reading_) {
      check_tables();
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
    const auto topic = Topic::parse(rows.text(row, 1));
    if (!topic) {
      throw StoreUnavailable("the entry " + std::to_string(rows.number(row, 0)) + " has an invalid topic");
    }
    entries.push_back({.entry = {.sequence = rows.number(row, 0),
                                 .topic = *topic,
                                 .kind = static_cast<Kind>(rows.number(row, 2)),
                                 .publisher_id = std::string(rows.text(row, 3)),
                                 .publisher_key = std::string(rows.text(row, 4)),
                                 .payload = std::string(rows.text(row, 6)),
                                 .published = Time(std::chrono::milliseconds(rows.number(row, 5)))},
                       .is_retained = rows.number(row, 7) != 0});
  }
  return entries;
}

void PgAccess::fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) {
  saying_where([&] {
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
    if (!entry->entry.further_topics.empty()) {
      throw StoreUnavailable("the entry " + std::to_string(entry->entry.sequence) +
                             " has several topics, which this store does not keep; import into an SQLite file");
    }
    bytes += entry->entry.payload.size();
    group.push_back(std::move(*entry));
    if (group.size() == EventStore::kPageEntries || bytes >= EventStore::kPageBytes) insert_group();
  }
  insert_group();
  connection_.execute(filled_log(log));
  transaction.commit();
}

void PgAccess::insert(const std::vector<Entry>& entries) {
  std::vector<std::uint64_t> sequences;
  std::vector<std::uint64_t> kinds;
  std::vector<std::uint64_t> times;
  std::vector<std::string_view> topics;
  std::vector<std::optional<std::string_view>> publishers;
  std::vector<std::optional<std::string_view>> ids;
  std::vector<std::optional<std::string_view>> id_topics;
  std::vector<std::optional<std::string_view>> payloads;
  std::vector<bool> retained;
  for (const auto& [entry, is_retained] : entries) {
    const bool has_id = !entry.publisher_id.empty();
    sequences.push_back(entry.sequence);
    kinds.push_back(static_cast<std::uint64_t>(entry.kind));
    times.push_back(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(entry.published.time_since_epoch()).count()));
    topics.push_back(entry.topic.view());
    publishers.emplace_back(entry.publisher_key);
    ids.push_back(has_id ? std::optional<std::string_view>(entry.publisher_id) : std::nullopt);
    id_topics.push_back(has_id ? std::optional(entry.topic.view()) : std::nullopt);
    payloads.emplace_back(entry.payload);
    retained.push_back(is_retained);
  }
  connection_.run(kFill, PgParams()
                             .numbers(sequences)
                             .texts(topics)
                             .numbers(kinds)
                             .blobs(ids)
                             .blobs(id_topics)
                             .blobs(publishers)
                             .numbers(times)
                             .blobs(payloads)
                             .flags(retained));
}

}  // namespace millrace
