// What applications have published: moved from the outbox into the log.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "log/turns.h"
#include "pg_locked_log.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;

constexpr PgStatement kWaiting{
    "waiting",
    "SELECT o.id, o.kind, o.topic, o.data, o.event, o.event_id, o.retain FROM millrace_outbox o JOIN"
    " (SELECT id, sum(octet_length(data)) OVER (ORDER BY id) - octet_length(data) AS ahead FROM"
    " (SELECT id, data FROM millrace_outbox WHERE refused IS NULL ORDER BY id LIMIT $1) f) w USING (id)"
    " WHERE w.ahead < $2 ORDER BY o.id"};
constexpr PgStatement kMoved{"moved", "DELETE FROM millrace_outbox WHERE id = ANY($1)"};
constexpr PgStatement kRefused{"refused", "UPDATE millrace_outbox SET refused = $2 WHERE id = $1"};

struct OutboxRow {
  Publication publication;
  std::vector<Topic> further_topics;  // what the publication refers to
  std::uint64_t sequence = 0;
  std::uint64_t id = 0;
};

// The topics in a text that a line end divides; empty if one is not valid, or there twice.
std::vector<Topic> topics_in(std::string_view joined) {
  std::vector<Topic> topics;
  for (bool is_last = false; !is_last;) {
    const std::size_t end = joined.find('\n');
    const auto topic = Topic::parse(joined.substr(0, end));
    const auto is_it = [&](Topic other) { return topic && other.view() == topic->view(); };
    if (!topic || topics.size() == kMaxTopicsPerEvent || std::any_of(topics.begin(), topics.end(), is_it)) return {};
    topics.push_back(*topic);
    is_last = end == std::string_view::npos;
    if (!is_last) joined.remove_prefix(end + 1);
  }
  return topics;
}

// A row of kWaiting, with views into `rows`; nothing if it is not valid.
std::optional<OutboxRow> row_of(const PgResult& rows, int row) {
  std::vector<Topic> topics = topics_in(rows.text(row, 2));
  const auto type = EventType::parse(rows.text(row, 4));
  const auto event_id = EventId::parse(rows.text(row, 5));
  const bool is_event = rows.number(row, 1) == 0;
  if (topics.empty() || (topics.size() > 1 && !is_event) || !type || !event_id) return std::nullopt;
  Publication publication{.topic = topics.front(), .kind = is_event ? Kind::kEvent : Kind::kFinish};
  if (is_event) publication.event = {.type = *type, .data = rows.text(row, 3), .id = *event_id};
  publication.retain = is_event && rows.number(row, 6) != 0;
  topics.erase(topics.begin());
  return OutboxRow{.publication = publication, .further_topics = std::move(topics), .id = rows.number(row, 0)};
}

}  // namespace

std::vector<LogEntry> PgWriter::move_outbox(Time now) {
  LockedLog locked(*this);
  const PgResult rows = connection_.run(kWaiting, PgParams().number(kStoreGroupEntries).number(kStoreGroupBytes));
  const auto refuse = [&](std::uint64_t id, std::string_view why) {
    connection_.run(kRefused, PgParams().number(id).text(why));
  };
  std::vector<OutboxRow> waiting;
  waiting.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t id = rows.number(row, 0);
    if (auto valid = row_of(rows, row)) {
      OutboxRow& one = waiting.emplace_back(std::move(*valid));
      one.publication.further_topics = one.further_topics;
    } else {
      refuse(id, "topic, event or id is not valid");
    }
  }
  std::vector<Contribution> contributions;
  contributions.reserve(waiting.size());
  std::vector<Contribution*> group;
  group.reserve(waiting.size());
  for (OutboxRow& row : waiting) {
    group.push_back(&contributions.emplace_back(
        Contribution{.publications = {&row.publication, 1}, .sequences = {&row.sequence, 1}}));
  }
  std::vector<LogEntry> entries = append_locked(group, now);
  std::vector<std::uint64_t> moved;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const auto& why = contributions[i].conflict ? contributions[i].conflict : contributions[i].refusal;
    if (why) {
      refuse(waiting[i].id, *why);
    } else {
      moved.push_back(waiting[i].id);
    }
  }
  connection_.run(kMoved, PgParams().numbers(moved));
  locked.commit();
  return entries;
}

}  // namespace millrace
