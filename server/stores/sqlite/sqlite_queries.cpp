#include "sqlite_queries.h"

#include <algorithm>
#include <chrono>

#include "log/id_holders.h"
#include "schema.h"

namespace millrace {

namespace {

// What SQLite can count to.
constexpr std::uint64_t kMaxSequence = INT64_MAX;

// The number in the only row; nothing where an aggregate had nothing to go by, or there is no row.
std::optional<std::uint64_t> only_number(SqliteRows rows) {
  if (!rows.next() || rows.is_null(0)) return std::nullopt;
  return static_cast<std::uint64_t>(rows.number(0));
}

Publication::Kind publication_kind(SqliteKind kind) {
  if (kind == SqliteKind::kFinish) return Publication::Kind::kFinish;
  return kind == SqliteKind::kBegin ? Publication::Kind::kBegin : Publication::Kind::kEvent;
}

// One state of the file for several statements.
class Snapshot {
 public:
  explicit Snapshot(SqliteDatabase& database) : database_(database) { database_.execute("BEGIN"); }
  ~Snapshot() { sqlite3_exec(database_.handle(), "COMMIT", nullptr, nullptr, nullptr); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  SqliteDatabase& database_;
};

}  // namespace

SqliteQueries::SqliteQueries(SqliteDatabase& database)
    : database_(database),
      find_(database, "SELECT max(sequence) FROM entries WHERE publisher_id = ?1 AND topic = ?2 AND publisher = ?3"),
      next_holder_(database,
                   "SELECT topic, publisher FROM entries WHERE publisher_id = ?1 AND (topic, publisher) >= (?2, ?3)"
                   " ORDER BY topic, publisher LIMIT 1"),
      first_finish_(database, "SELECT min(sequence) FROM entries WHERE kind = 1 AND topic = ?1 AND sequence >= ?2"),
      last_finish_(database, "SELECT max(sequence) FROM entries WHERE kind = 1 AND topic = ?1 AND sequence < ?2"),
      last_entry_(database, "SELECT sequence, kind FROM entries WHERE topic = ?1 ORDER BY sequence DESC LIMIT 1"),
      last_of_life_(database,
                    "SELECT sequence FROM entries WHERE topic = ?1 AND kind <> 1 ORDER BY sequence DESC LIMIT 1"),
      sequences_(database,
                 "SELECT sequence FROM entries WHERE topic = ?1 AND sequence > ?2 AND sequence <= ?3"
                 " ORDER BY sequence LIMIT ?4"),
      entry_(
          database,
          "SELECT sequence, topic, kind, publisher_id, payload, publisher, published FROM entries WHERE sequence = ?1"),
      entries_(database,
               "SELECT sequence, topic, kind, publisher_id, payload, publisher, published FROM entries"
               " WHERE sequence > ?1 AND sequence <= ?2"
               " ORDER BY sequence LIMIT ?3"),
      newest_(database, "SELECT max(sequence) FROM entries"),
      oldest_(database, "SELECT min(sequence) FROM entries") {}

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
  if (!is_finished(topic)) return only_number(last_finish_(topic, kMaxSequence)).value_or(0);
  // Its last finish has ended the life that counts.
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
      if (const auto first = only_number(first_finish_(topic.view(), std::min(seen, kMaxSequence)))) return first;
    }
    const auto finish = is_finished(topic.view());
    if (!finish) return std::nullopt;
    last = std::max(last, *finish);
  }
  return last;
}

EventStore::Page SqliteQueries::read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  const Snapshot snapshot(database_);
  EventStore::Page page = filter.is_literal() ? merge(sequence, head, filter) : scan(sequence, head, filter);
  page.oldest = oldest().value_or(head + 1);
  return page;
}

// Looks at one entry after the other.
EventStore::Page SqliteQueries::scan(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  PageScan scan(filter, sequence);
  EventStore::Page page{.through = head};
  for (SqliteRows rows = entries_(sequence, head, std::uint64_t{EventStore::kPageScan}); rows.next();) {
    if (scan.wants(static_cast<std::uint64_t>(rows.number(0)), topic_of(rows, 1))) {
      page.entries.push_back(entry(rows));
      scan.add(page.entries.back().payload.size());
    }
    if (!scan.is_full()) continue;
    page.through = scan.through();
    break;
  }
  return page;
}

// Merges the topics' own lists, by the index, so that the others' entries cost nothing.
EventStore::Page SqliteQueries::merge(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  constexpr std::size_t kMost = EventStore::kPageEntries;
  std::vector<std::uint64_t> found;
  for (const TopicPattern& topic : filter.patterns()) {
    for (SqliteRows rows = sequences_(topic.view(), sequence, head, std::uint64_t{kMost + 1}); rows.next();) {
      found.push_back(static_cast<std::uint64_t>(rows.number(0)));
    }
  }
  std::sort(found.begin(), found.end());

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
  if (const auto topic = Topic::parse(row.text(column))) return *topic;
  throw SqliteError(database_.handle(), "an entry has an invalid topic", SQLITE_CORRUPT);
}

LogEntry SqliteQueries::entry(const SqliteRows& row) const {
  LogEntry entry{.sequence = static_cast<std::uint64_t>(row.number(0)),
                 .topic = topic_of(row, 1),
                 .kind = publication_kind(SqliteKind{row.number(2)}),
                 .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(row.number(6)))};
  if (entry.kind != Publication::Kind::kEvent) return entry;
  entry.publisher_id = row.text(3);
  if (!entry.publisher_id.empty()) entry.publisher_key = row.text(5);
  entry.payload = row.text(4);
  return entry;
}

}  // namespace millrace
