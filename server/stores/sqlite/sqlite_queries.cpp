#include "sqlite_queries.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/sip_hash.h"
#include "log/id_holders.h"
#include "schema.h"

namespace millrace {

namespace {

// Of rows with an entry: all topics of an event of several.
constexpr int kTopicsColumn = 8;

Publication::Kind publication_kind(SqliteKind kind) {
  if (kind == SqliteKind::kFinish) return Publication::Kind::kFinish;
  return kind == SqliteKind::kBegin ? Publication::Kind::kBegin : Publication::Kind::kEvent;
}

}  // namespace

SqliteQueries::SqliteQueries(SqliteDatabase& database)
    : database_(database),
      find_(database,
            "SELECT max(sequence) FROM ("
            "SELECT sequence FROM entries WHERE publisher_id = ?1 AND topic = ?2 AND publisher = ?3 UNION ALL "
            "SELECT sequence FROM further WHERE publisher_id = ?1 AND topic = ?2 AND publisher = ?3 UNION ALL "
            "SELECT sequence FROM retained WHERE publisher_id = ?1 AND topic = ?2 AND publisher = ?3)"),
      next_holder_(database,
                   "SELECT * FROM (SELECT topic, publisher FROM entries"
                   " WHERE publisher_id = ?1 AND (topic, publisher) >= (?2, ?3) ORDER BY topic, publisher LIMIT 1)"
                   " UNION ALL SELECT * FROM (SELECT topic, publisher FROM further"
                   " WHERE publisher_id = ?1 AND (topic, publisher) >= (?2, ?3) ORDER BY topic, publisher LIMIT 1)"
                   " UNION ALL SELECT * FROM (SELECT topic, publisher FROM retained"
                   " WHERE publisher_id = ?1 AND (topic, publisher) >= (?2, ?3) ORDER BY topic, publisher LIMIT 1)"
                   " ORDER BY topic, publisher LIMIT 1"),
      first_finish_(database, "SELECT min(sequence) FROM entries WHERE kind = 1 AND topic = ?1 AND sequence >= ?2"),
      last_finish_(database, "SELECT max(sequence) FROM entries WHERE kind = 1 AND topic = ?1 AND sequence < ?2"),
      last_entry_(database,
                  "SELECT sequence, kind FROM entries WHERE topic = ?1 UNION ALL SELECT sequence, 0 FROM further"
                  " WHERE topic = ?1 ORDER BY 1 DESC LIMIT 1"),
      last_of_life_(database,
                    "SELECT sequence FROM entries WHERE topic = ?1 AND kind <> 1 UNION ALL SELECT sequence FROM further"
                    " WHERE topic = ?1 ORDER BY 1 DESC LIMIT 1"),
      sequences_(database,
                 "SELECT sequence FROM entries WHERE topic = ?1 AND sequence > ?2 AND sequence <= ?3"
                 " UNION ALL SELECT sequence FROM further WHERE topic = ?1 AND sequence > ?2 AND sequence <= ?3"
                 " ORDER BY 1 LIMIT ?4"),
      entry_(database,
             "SELECT sequence, topic, kind, publisher_id, payload, publisher, published, digest, topics FROM entries"
             " WHERE sequence = ?1"),
      entries_(database,
               "SELECT sequence, topic, kind, publisher_id, payload, publisher, published, digest, topics FROM entries"
               " WHERE sequence > ?1 AND sequence <= ?2"
               " ORDER BY sequence LIMIT ?3"),
      all_entries_(
          database,
          "SELECT * FROM (SELECT e.sequence, e.topic, e.kind, e.publisher_id, e.payload, e.publisher,"
          " e.published, e.digest, e.topics, EXISTS (SELECT 1 FROM retained r WHERE r.sequence = e.sequence)"
          " FROM entries e WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2)"
          " UNION ALL SELECT * FROM (SELECT sequence, min(topic), 0, publisher_id, payload, publisher, published,"
          " digest, group_concat(topic, char(10)), 1 FROM retained r WHERE sequence > ?1 AND NOT EXISTS"
          " (SELECT 1 FROM entries e WHERE e.sequence = r.sequence) GROUP BY sequence ORDER BY sequence LIMIT ?2)"
          " ORDER BY 1 LIMIT ?2"),
      newest_of_topic_(database,
                       "SELECT sequence, finished FROM newest WHERE topic = ?1"
                       " UNION ALL SELECT sequence, 0 FROM retained WHERE topic = ?1"),
      newest_events_(database,
                     "SELECT sequence, topic, finished FROM newest WHERE sequence > ?1 AND sequence <= ?2"
                     " UNION ALL SELECT sequence, topic, 0 FROM retained WHERE sequence > ?1 AND sequence <= ?2"
                     " ORDER BY 1 LIMIT ?3"),
      retained_entry_(database,
                      "SELECT sequence, topic, 0, publisher_id, payload, publisher, published, digest, NULL"
                      " FROM retained WHERE sequence = ?1 LIMIT 1"),
      retained_after_(database, "SELECT sequence, topic FROM retained WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"),
      retained_topic_(database, "SELECT sequence FROM retained WHERE topic = ?1 AND sequence > ?2"),
      retained_cost_(database,
                     "SELECT length(payload) + length(CAST(topic AS BLOB)) +"
                     " ifnull(length(CAST(publisher_id AS BLOB)), 0) + length(publisher) FROM retained"
                     " WHERE topic = ?1"),
      indexed_(database, "SELECT value FROM meta WHERE key = 'indexed'"),
      unindexed_(database,
                 "SELECT sequence, topic, kind FROM (SELECT sequence, topic, kind FROM entries WHERE sequence > ?1"
                 " UNION ALL SELECT sequence, topic, 0 FROM further WHERE sequence > ?1) AS late"
                 " WHERE NOT EXISTS (SELECT 1 FROM retained WHERE retained.topic = late.topic) ORDER BY sequence"),
      newest_(database, "SELECT max(sequence) FROM entries"),
      oldest_(database, "SELECT min(sequence) FROM entries") {}

std::int64_t payload_digest(std::uint64_t sequence, std::string_view payload) {
  return static_cast<std::int64_t>(SipHash<1, 3>::hash({.first = sequence, .second = 0}, payload));
}

std::optional<std::uint64_t> SqliteQueries::find(std::string_view publisher_id, std::string_view topic,
                                                 std::string_view publisher) {
  return only_number(find_(publisher_id, topic, publisher));
}

std::optional<std::uint64_t> SqliteQueries::find(std::string_view publisher_id, const TopicFilter& filter) {
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    std::optional<IdHolder> holder;
    {
      SqliteRows rows = next_holder_(publisher_id, topic, publisher);
      if (!rows.next()) return std::nullopt;
      holder = IdHolder{.topic = topic_of(rows, 0), .publisher = std::string(rows.text(1))};
    }
    holder->sequence = find(publisher_id, holder->topic.view(), holder->publisher).value_or(0);
    return holder;
  });
}

std::uint64_t SqliteQueries::life_before(std::string_view topic) {
  if (!is_finished(topic)) return only_number(last_finish_(topic, kMaxSqliteInteger)).value_or(0);
  // The topic's last finish has ended its current life.
  const auto last = only_number(last_of_life_(topic));
  return last ? only_number(last_finish_(topic, *last)).value_or(0) : 0;
}

std::optional<std::uint64_t> SqliteQueries::newest() {
  return only_number(newest_());
}

std::optional<std::uint64_t> SqliteQueries::oldest() {
  return only_number(oldest_());
}

std::optional<std::uint64_t> SqliteQueries::is_finished(std::string_view topic) {
  SqliteRows rows = last_entry_(topic);
  if (!rows.next() || SqliteKind{rows.number(1)} != SqliteKind::kFinish) return std::nullopt;
  return static_cast<std::uint64_t>(rows.number(0));
}

std::optional<std::uint64_t> SqliteQueries::finished_at(const TopicFilter& filter, std::uint64_t seen) {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t last = 0;
  for (const TopicPattern& topic : filter.patterns()) {
    if (filter.patterns().size() == 1) {
      if (const auto first = only_number(first_finish_(topic.view(), std::min(seen, kMaxSqliteInteger)))) return first;
    }
    const auto finish = is_finished(topic.view());
    if (!finish) return std::nullopt;
    last = std::max(last, *finish);
  }
  return last;
}

EventStore::Page SqliteQueries::read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  const SqliteSnapshot snapshot(database_);
  EventStore::Page page = filter.is_literal() ? merge(sequence, head, filter) : scan(sequence, head, filter);
  page.oldest = oldest().value_or(head + 1);
  return page;
}

std::vector<StoreAccess::Entry> SqliteQueries::read_all_after(std::uint64_t sequence) {
  std::vector<StoreAccess::Entry> entries;
  const std::uint64_t after = std::min(sequence, kMaxSqliteInteger);
  for (SqliteRows rows = all_entries_(after, std::uint64_t{EventStore::kPageEntries}); rows.next();) {
    entries.push_back({.entry = entry(rows), .is_retained = rows.number(9) != 0});
  }
  return entries;
}

// Checks one entry after the other.
EventStore::Page SqliteQueries::scan(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  PageScan scan(filter, sequence);
  EventStore::Page page{.through = head};
  for (SqliteRows rows = entries_(sequence, head, std::uint64_t{EventStore::kPageScan}); rows.next();) {
    if (scan.wants(static_cast<std::uint64_t>(rows.number(0)), topic_of(rows, 1), further_topics_of(rows))) {
      page.entries.push_back(entry(rows));
      scan.add(page.entries.back().payload.size());
    }
    if (!scan.is_full()) continue;
    page.through = scan.through();
    break;
  }
  return page;
}

// Merges the topics' own lists, from the index, so that entries of other topics cost nothing.
EventStore::Page SqliteQueries::merge(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  constexpr std::size_t kMost = EventStore::kPageEntries;
  std::vector<std::uint64_t> found;
  for (const TopicPattern& topic : filter.patterns()) {
    for (SqliteRows rows = sequences_(topic.view(), sequence, head, std::uint64_t{kMost + 1}); rows.next();) {
      found.push_back(static_cast<std::uint64_t>(rows.number(0)));
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());  // those of several of these topics

  EventStore::Page page{.through = head};
  std::size_t bytes = 0;
  for (const std::uint64_t one : found) {
    if (page.entries.size() == kMost || bytes >= EventStore::kPageBytes) {
      page.through = page.entries.back().sequence;
      break;
    }
    SqliteRows rows = entry_(one);
    if (!rows.next()) throw SqliteError(database_.handle(), "an index refers to a missing entry", SQLITE_CORRUPT);
    page.entries.push_back(entry(rows));
    bytes += page.entries.back().payload.size();
  }
  return page;
}

Topic SqliteQueries::topic_of(const SqliteRows& row, int column) const {
  return checked_topic(row.text(column));
}

Topic SqliteQueries::checked_topic(std::string_view text) const {
  if (const auto topic = Topic::parse(text)) return *topic;
  throw SqliteError(database_.handle(), "an entry has an invalid topic", SQLITE_CORRUPT);
}

std::vector<OwnedTopic> SqliteQueries::further_topics_of(const SqliteRows& row) const {
  if (row.is_null(kTopicsColumn)) return {};
  LogEntry entry{.topic = topic_of(row, 1)};
  if (!entry.set_topics(row.text(kTopicsColumn))) {
    throw SqliteError(database_.handle(), "an entry has an invalid topic", SQLITE_CORRUPT);
  }
  return std::move(entry.further_topics);
}

LogEntry SqliteQueries::entry(const SqliteRows& row) const {
  LogEntry entry{.sequence = static_cast<std::uint64_t>(row.number(0)),
                 .topic = topic_of(row, 1),
                 .kind = publication_kind(SqliteKind{row.number(2)}),
                 .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(row.number(6)))};
  if (entry.kind != Publication::Kind::kEvent) return entry;
  if (!row.is_null(kTopicsColumn) && !entry.set_topics(row.text(kTopicsColumn))) {
    throw SqliteError(database_.handle(), "an entry has an invalid topic", SQLITE_CORRUPT);
  }
  entry.publisher_id = row.text(3);
  if (!entry.publisher_id.empty()) entry.publisher_key = row.text(5);
  entry.payload = row.text(4);
  if (!row.is_null(7) && row.number(7) != payload_digest(entry.sequence, entry.payload)) {
    throw SqliteError(database_.handle(), "event " + std::to_string(entry.sequence) + " fails its integrity check",
                      SQLITE_CORRUPT);
  }
  return entry;
}

// Both tables with payloads, while `look` returns true.
template <typename Look>
void SqliteQueries::for_each_row(const Look& look) {
  for (const char* table : {"entries", "retained"}) {
    const bool is_entries = std::string_view(table) == "entries";
    SqliteStatement all(database_, std::string("SELECT sequence, topic, ") + (is_entries ? "kind" : "0") +
                                       ", publisher_id, payload, publisher, published, digest, " +
                                       (is_entries ? "topics" : "NULL") + " FROM " + table);
    for (SqliteRows rows = all(); rows.next();) {
      if (!look(table, rows)) return;
    }
  }
}

void SqliteQueries::check_everything() {
  SqliteStatement integrity(database_, "PRAGMA integrity_check(1)");
  SqliteRows result = integrity();
  if (result.next() && result.text(0) != "ok") {
    throw SqliteError(database_.handle(), std::string(result.text(0)), SQLITE_CORRUPT);
  }
  for_each_row([this](const char* /*table*/, const SqliteRows& row) {
    entry(row);
    return true;
  });
}

std::vector<std::string> SqliteQueries::find_damaged_rows(std::size_t most) {
  std::vector<std::string> damage;
  for_each_row([&](const char* table, const SqliteRows& row) {
    try {
      entry(row);
    } catch (const SqliteError& error) {
      damage.push_back(std::string("table ") + table + ", row " + std::to_string(row.number(0)) + ": " + error.what());
    }
    return damage.size() < most;
  });
  return damage;
}

}  // namespace millrace
