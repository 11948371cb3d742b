#include "pg_queries.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "log/id_holders.h"
#include "pg_topic_state.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;

constexpr std::uint64_t kMaxSequence = INT64_MAX;

constexpr PgStatement kLog{"log",
                           "SELECT epoch, head, oldest, entries, bytes, retained_topics, retained_bytes,"
                           " version FROM millrace_log"};
constexpr PgStatement kHasWaiting{"has_waiting", "SELECT EXISTS (SELECT 1 FROM millrace_outbox WHERE refused IS NULL)"};
// Each table by itself first: only so does each page read no more of an index than it returns.
constexpr PgStatement kHolder{
    "holder",
    "SELECT id_topic, publisher, sequence FROM (SELECT id_topic, publisher FROM ((SELECT id_topic, publisher FROM"
    " millrace_events WHERE publisher_id = $1 AND (id_topic, publisher) >= ($2, $3) ORDER BY id_topic, publisher"
    " LIMIT 1) UNION ALL (SELECT id_topic, publisher FROM millrace_topics WHERE publisher_id = $1"
    " AND (id_topic, publisher) >= ($2, $3) ORDER BY id_topic, publisher LIMIT 1)) b ORDER BY id_topic, publisher"
    " LIMIT 1) h, LATERAL (SELECT max(e.sequence) AS sequence FROM millrace_by_topic e WHERE e.publisher_id = $1"
    " AND e.id_topic = h.id_topic AND e.publisher = h.publisher) m"};
constexpr PgStatement kFirstFinish{
    "first_finish",
    "SELECT coalesce(min(sequence), 0) FROM millrace_events WHERE topic = $1 AND kind = 1 AND sequence >= $2"
    " AND sequence >= (SELECT oldest FROM millrace_log)"};
constexpr PgStatement kOfTopics{
    "of_topics",
    "SELECT DISTINCT e.sequence, e.size FROM unnest($1) t(topic) CROSS JOIN LATERAL ((SELECT sequence,"
    " octet_length(payload)::bigint AS size FROM millrace_events WHERE topic = t.topic AND sequence > $2"
    " AND sequence <= $3 AND sequence >= (SELECT oldest FROM millrace_log) ORDER BY sequence LIMIT $4)"
    " UNION ALL (SELECT sequence, size FROM millrace_topics WHERE topic = t.topic AND sequence > $2 AND sequence <= $3"
    " AND sequence >= (SELECT oldest FROM millrace_log) ORDER BY sequence LIMIT $4)) e ORDER BY 1 LIMIT $4"};
constexpr PgStatement kScan{"scan",
                            "SELECT sequence, octet_length(payload), topic FROM millrace_events WHERE sequence > $1"
                            " AND sequence <= $2 AND sequence >= (SELECT oldest FROM millrace_log)"
                            " ORDER BY sequence LIMIT $3"};
// $4: whether finished topics count.
constexpr PgStatement kNewestOfTopics{
    "newest_of_topics",
    "SELECT e.sequence, e.size, t.topic FROM unnest($1) t(topic) CROSS JOIN LATERAL (SELECT sequence, size FROM"
    " ((SELECT sequence, octet_length(payload)::bigint AS size FROM millrace_events WHERE topic = t.topic AND kind = 0"
    " ORDER BY sequence DESC LIMIT 1) UNION ALL (SELECT sequence, size FROM millrace_topics WHERE topic = t.topic"
    " ORDER BY sequence DESC LIMIT 1)) b ORDER BY sequence DESC LIMIT 1) e"
    " WHERE e.sequence > $2 AND e.sequence <= $3 AND ($4 = 1 OR NOT EXISTS (SELECT 1 FROM millrace_events f"
    " WHERE f.topic = t.topic AND f.kind = 1 AND f.sequence > e.sequence)) ORDER BY 1"};
// The third column: those of its topics for which it is the newest event and counts.
constexpr PgStatement kScanNewest{
    "scan_newest",
    "SELECT s.sequence, s.size, CASE WHEN s.kind <> 0 THEN '' WHEN strpos(s.topic, E'\\n') > 0 THEN coalesce((SELECT"
    " string_agg(t.topic, E'\\n' ORDER BY t.place) FROM millrace_topics t WHERE t.sequence = s.sequence AND NOT EXISTS"
    " (SELECT 1 FROM millrace_by_topic n WHERE n.topic = t.topic AND n.sequence > s.sequence"
    " AND (n.kind = 0 OR (n.kind = 1 AND $3 = 0)))), '') WHEN EXISTS (SELECT 1 FROM millrace_by_topic n WHERE"
    " n.topic = s.topic AND n.sequence > s.sequence AND (n.kind = 0 OR (n.kind = 1 AND $3 = 0))) THEN ''"
    " ELSE s.topic END, s.topic FROM (SELECT sequence, octet_length(payload) AS size, topic, kind FROM millrace_events"
    " WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $4) s ORDER BY 1"};
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

[[noreturn]] void refuse_foreign() {
  throw PgError("millrace_events has an invalid topic: another program wrote to this table");
}

Topic topic_in(const PgResult& rows, int row, int column) {
  const auto topic = Topic::parse(rows.text(row, column));
  if (!topic) refuse_foreign();
  return *topic;
}

// Those of an event of several, too.
std::vector<OwnedTopic> topics_in(const PgResult& rows, int row, int column) {
  LogEntry entry{.topic = Topic("-")};
  if (!entry.set_topics(rows.text(row, column))) refuse_foreign();
  std::vector<OwnedTopic> topics = std::move(entry.further_topics);
  topics.insert(topics.begin(), std::move(entry.topic));
  return topics;
}

void set_topics(LogEntry& entry, std::vector<OwnedTopic> topics) {
  entry.topic = std::move(topics.front());
  entry.further_topics.assign(std::make_move_iterator(topics.begin() + 1), std::make_move_iterator(topics.end()));
}

// For each event of a page, those of its topics that the page is about.
using TopicsOfEvents = std::map<std::uint64_t, std::vector<OwnedTopic>>;

// Leaves each entry with these topics only, in its own order.
void restrict_topics(EventStore::Page& page, const TopicsOfEvents& wanted) {
  for (LogEntry& entry : page.entries) {
    const auto its = wanted.find(entry.sequence);
    if (its == wanted.end() || entry.topic_count() == 1) continue;
    std::vector<OwnedTopic> left;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) {
      const OwnedTopic& topic = entry.topic_at(i);
      if (std::find(its->second.begin(), its->second.end(), topic) != its->second.end()) left.push_back(topic);
    }
    if (!left.empty()) set_topics(entry, std::move(left));
  }
}

// The sequences of a page's entries, and how far the page goes.
struct Chosen {
  std::vector<std::uint64_t> sequences = {};
  std::uint64_t through = 0;
};

// The page of rows that all match.
Chosen first_of(const PgResult& rows, std::uint64_t end) {
  Chosen chosen{.through = end};
  std::size_t bytes = 0;
  for (int row = 0; row < rows.size(); ++row) {
    if (!chosen.sequences.empty() && chosen.sequences.back() == rows.number(row, 0)) continue;  // by another topic
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
  std::uint64_t last = 0;
  for (const PgTopicState& state : topic_states(connection_, topics, log().oldest)) {
    if (!state.is_finished()) return std::nullopt;
    last = std::max(last, state.last_finish);
  }
  return last;
}

// Reads entries and `oldest` in one statement, so that `oldest` accounts for every missing entry.
EventStore::Page PgQueries::fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through) {
  const PgResult rows = connection_.run(kFetch, PgParams().numbers(sequences));
  if (rows.size() == 0) throw PgError("millrace_log has no row");
  EventStore::Page page{.through = through, .oldest = rows.number(0, 0)};
  for (int row = 0; row < rows.size() && !rows.is_null(row, 1); ++row) {
    LogEntry& entry = page.entries.emplace_back(
        LogEntry{.sequence = rows.number(row, 1),
                 .topic = Topic("-"),
                 .kind = static_cast<Kind>(rows.number(row, 3)),
                 .publisher_id = std::string(rows.text(row, 4)),
                 .publisher_key = std::string(rows.text(row, 5)),
                 .payload = std::string(rows.text(row, 7)),
                 .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(rows.number(row, 6)))});
    set_topics(entry, topics_in(rows, row, 2));
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
    const std::vector<OwnedTopic> topics = topics_in(rows, row, 2);
    if (scan.wants(rows.number(row, 0), topics.front(), std::span(topics).subspan(1))) {
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
    EventStore::Page page = fetch(chosen.sequences, chosen.through);
    TopicsOfEvents wanted;
    for (int row = 0; row < rows.size(); ++row) wanted[rows.number(row, 0)].emplace_back(topic_in(rows, row, 2));
    restrict_topics(page, wanted);
    return page;
  }
  PageScan scan(filter, sequence);
  Chosen chosen{.through = until};
  TopicsOfEvents wanted;
  const auto rows = connection_.run(kScanNewest, PgParams()
                                                     .number(after)
                                                     .number(std::min(until, kMaxSequence))
                                                     .number(takes_finished)
                                                     .number(EventStore::kPageScan));
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t one = rows.number(row, 0);
    const bool counts = !rows.text(row, 2).empty();
    std::vector<OwnedTopic> its_topics = topics_in(rows, row, counts ? 2 : 3);
    std::erase_if(its_topics, [&](const OwnedTopic& topic) { return !scan.wants(one, topic); });
    if (counts && !its_topics.empty()) {
      chosen.sequences.push_back(one);
      scan.add(rows.number(row, 1));
      wanted[one] = std::move(its_topics);
    }
    if (!scan.is_full()) continue;
    chosen.through = scan.through();
    break;
  }
  EventStore::Page page = fetch(chosen.sequences, chosen.through);
  restrict_topics(page, wanted);
  return page;
}

std::uint64_t PgQueries::first_after(std::uint64_t sequence, const TopicFilter& filter) {
  PageScan scan(filter, sequence);
  const auto rows = connection_.run(kRetainedAfter,
                                    PgParams().number(std::min(sequence, kMaxSequence)).number(EventStore::kPageScan));
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint64_t one = rows.number(row, 0);
    const std::vector<OwnedTopic> topics = topics_in(rows, row, 1);
    const bool is_wanted = scan.wants(one, topics.front(), std::span(topics).subspan(1));
    if (is_wanted || scan.is_full()) return one;
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
