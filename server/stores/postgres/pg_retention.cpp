// Which entries a log in PostgreSQL keeps: the newest within its bounds, and beyond them its retained events.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "pg_locked_log.h"
#include "pg_rows.h"

namespace millrace {

namespace {

// Entries dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredAtOnce = 1'024;

constexpr PgStatement kOldEntries{
    "old_entries",
    "SELECT sequence, published, cost FROM millrace_events WHERE sequence >= $1 ORDER BY sequence LIMIT $2"};
constexpr PgStatement kRemove{
    "remove",
    "WITH topics AS (DELETE FROM millrace_topics WHERE sequence >= $1 AND sequence <= $2 AND NOT retained)"
    " DELETE FROM millrace_events WHERE sequence >= $1 AND sequence <= $2 AND NOT retained"};
constexpr PgStatement kReleaseOld{"release_old",
                                  "DELETE FROM millrace_events WHERE retained AND topic = ANY($1)"
                                  " AND sequence < $2 RETURNING cost"};
constexpr PgStatement kRelease{"release",
                               "UPDATE millrace_events SET retained = false WHERE retained"
                               " AND topic = ANY($1) RETURNING cost"};
// Of events of several topics: the topics, then the events that no topic retains any more.
constexpr PgStatement kReleaseTopics{
    "release_topics",
    "UPDATE millrace_topics t SET retained = false FROM millrace_events e WHERE t.retained AND t.topic = ANY($1)"
    " AND e.sequence = t.sequence RETURNING e.cost, t.sequence"};
constexpr PgStatement kForgetTopics{
    "forget_topics", "DELETE FROM millrace_topics WHERE sequence = ANY($1) AND NOT retained AND sequence < $2"};
constexpr PgStatement kReleaseEvents{
    "release_events",
    "UPDATE millrace_events e SET retained = false WHERE e.sequence = ANY($1) AND NOT EXISTS"
    " (SELECT 1 FROM millrace_topics t WHERE t.sequence = e.sequence AND t.retained)"};
constexpr PgStatement kForgetEvents{
    "forget_events", "DELETE FROM millrace_events WHERE sequence = ANY($1) AND NOT retained AND sequence < $2"};
constexpr PgStatement kRetainedCost{"retained_cost",
                                    "SELECT e.cost FROM millrace_by_topic t JOIN millrace_events e USING (sequence)"
                                    " WHERE t.retained AND t.topic = $1"};

}  // namespace

std::size_t PgWriter::retained_cost(std::string_view topic) {
  if (log_.retained_topics == 0) return 0;
  const PgResult rows = connection_.run(kRetainedCost, PgParams().text(topic));
  return rows.size() == 0 ? 0 : rows.number(0, 0);
}

// Releases events whose topic has a newer event now, or is finished.
void PgWriter::release_retained(const PgBatch& batch) {
  const std::vector<std::string_view> topics = batch.topics();
  const auto release = [&](const PgResult& rows) {
    for (int row = 0; row < rows.size(); ++row) {
      --log_.retained_topics;
      log_.retained_bytes -= rows.number(row, 0);
    }
  };
  release(connection_.run(kReleaseOld, PgParams().texts(topics).number(log_.oldest)));
  release(connection_.run(kRelease, PgParams().texts(topics)));

  const PgResult rows = connection_.run(kReleaseTopics, PgParams().texts(topics));
  if (rows.size() == 0) return;
  release(rows);
  std::vector<std::uint64_t> events;
  events.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) events.push_back(rows.number(row, 1));
  connection_.run(kForgetTopics, PgParams().numbers(events).number(log_.oldest));
  connection_.run(kReleaseEvents, PgParams().numbers(events));
  connection_.run(kForgetEvents, PgParams().numbers(events).number(log_.oldest));
}

bool PgWriter::retire(Time now) {
  LockedLog locked(*this);
  std::optional<std::uint64_t> before;
  if (bounds_.age) before = milliseconds_of(now - *bounds_.age);
  const std::uint64_t oldest = log_.oldest;
  const bool more = retire_locked(kRetiredAtOnce, before);
  if (log_.oldest != oldest) locked.commit();
  return more;
}

// Drops at most `most` of the oldest entries. Returns true if there may be more.
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

}  // namespace millrace
