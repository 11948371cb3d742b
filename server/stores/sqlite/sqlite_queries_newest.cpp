// The newest event of each topic: from the table `newest`, and from the entries for which it does not account yet.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "sqlite_queries.h"

namespace millrace {

EventStore::Page SqliteQueries::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                            EventStore::Topics topics) {
  const SqliteSnapshot snapshot(database_);
  look_at_unindexed();
  EventStore::Page page = filter.is_literal() ? newest_of_topics(sequence, until, filter, topics)
                                              : scan_newest(sequence, until, filter, topics);
  page.oldest = oldest().value_or(until + 1);
  return page;
}

// The pages of one read mostly see the same entries.
void SqliteQueries::look_at_unindexed() {
  const UnindexedState state{
      .indexed = only_number(indexed_()).value_or(0), .oldest = oldest().value_or(0), .newest = newest().value_or(0)};
  if (unindexed_state_ == state) return;
  unindexed_state_.reset();
  unindexed_topics_ = {};
  for (SqliteRows rows = unindexed_(state.indexed); rows.next();) {
    unindexed_topics_.add(static_cast<std::uint64_t>(rows.number(0)), rows.text(1), SqliteKind{rows.number(2)});
  }
  unindexed_state_ = state;
}

EventStore::Page SqliteQueries::scan_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                            EventStore::Topics topics) {
  PageScan scan(filter, sequence);
  EventStore::Page page{.through = until};
  std::uint64_t event = 0;  // of the last row
  std::vector<OwnedTopic> wanted;
  const auto take = [&] {
    if (wanted.empty()) return;
    page.entries.push_back(newest_entry(event, std::exchange(wanted, {})));
    scan.add(page.entries.back().payload.size());
  };
  // The page ends between two events, never between two topics of one. False: it ends here.
  std::size_t rows_seen = 0;
  const auto see = [&](std::uint64_t one, Topic topic, bool counts) {
    if (one != event) {
      take();
      if (scan.is_full() || rows_seen >= EventStore::kPageScan) return false;
      event = one;
    }
    ++rows_seen;
    if (scan.wants(one, topic) && counts) wanted.emplace_back(topic);
    return true;
  };
  const auto counts = [&](bool is_finished) { return topics == EventStore::Topics::kAll || !is_finished; };
  const std::vector<UnindexedTopics::Event> late = unindexed_topics_.events(sequence, until);
  auto next_late = late.begin();
  const auto see_late = [&](std::uint64_t last) {
    for (; next_late != late.end() && next_late->sequence <= last; ++next_late) {
      if (!see(next_late->sequence, checked_topic(next_late->topic), counts(next_late->is_finished))) return false;
    }
    return true;
  };
  const auto see_all = [&] {
    constexpr std::uint64_t kMost = EventStore::kPageScan + kMaxTopicsPerEvent;
    for (SqliteRows rows = newest_events_(sequence, until, kMost); rows.next();) {
      const auto one = static_cast<std::uint64_t>(rows.number(0));
      const Topic topic = topic_of(rows, 1);
      const UnindexedTopics::Change* const change = unindexed_topics_.of(topic.view());
      const bool is_replaced = change != nullptr && change->sequence != 0;
      const bool is_finished = rows.number(2) != 0 || (change != nullptr && change->is_finished);
      if (!see_late(one) || !see(one, topic, !is_replaced && counts(is_finished))) return false;
    }
    return see_late(until);
  };
  if (see_all()) {
    take();
  } else {
    page.through = scan.through();
  }
  return page;
}

EventStore::Page SqliteQueries::newest_of_topics(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                                 EventStore::Topics topics) {
  std::map<std::uint64_t, std::vector<OwnedTopic>> found;
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto topic = pattern.literal();
    if (!topic) continue;
    std::uint64_t one = 0;
    bool is_finished = false;
    if (SqliteRows rows = newest_of_topic_(pattern.view()); rows.next()) {
      one = static_cast<std::uint64_t>(rows.number(0));
      is_finished = rows.number(1) != 0;
    }
    if (const UnindexedTopics::Change* const change = unindexed_topics_.of(pattern.view())) {
      is_finished = change->is_finished || (is_finished && change->sequence == 0);
      if (change->sequence != 0) one = change->sequence;
    }
    const bool is_over = topics == EventStore::Topics::kGoingOn && is_finished;
    if (one > sequence && one <= until && !is_over) found[one].emplace_back(*topic);
  }
  EventStore::Page page{.through = until};
  std::size_t bytes = 0;
  for (auto& [one, its_topics] : found) {
    if (page.entries.size() == EventStore::kPageEntries || bytes >= EventStore::kPageBytes) {
      page.through = page.entries.back().sequence;
      break;
    }
    page.entries.push_back(newest_entry(one, std::move(its_topics)));
    bytes += page.entries.back().payload.size();
  }
  return page;
}

// The event, with only these of its topics: in its own order, if it is still in `entries`.
LogEntry SqliteQueries::newest_entry(std::uint64_t sequence, std::vector<OwnedTopic> topics) {
  LogEntry newest = newest_entry(sequence);
  const auto place = [&](const OwnedTopic& topic) {
    std::size_t index = 0;
    while (index < newest.topic_count() && newest.topic_at(index) != topic) ++index;
    return index;
  };
  if (topics.size() > 1) {
    std::stable_sort(topics.begin(), topics.end(),
                     [&](const OwnedTopic& one, const OwnedTopic& other) { return place(one) < place(other); });
  }
  newest.topic = std::move(topics.front());
  newest.further_topics.assign(std::make_move_iterator(topics.begin() + 1), std::make_move_iterator(topics.end()));
  return newest;
}

LogEntry SqliteQueries::newest_entry(std::uint64_t sequence) {
  if (SqliteRows rows = entry_(sequence); rows.next()) return entry(rows);
  SqliteRows rows = retained_entry_(sequence);
  if (!rows.next()) throw SqliteError(database_.handle(), "an index refers to a missing entry", SQLITE_CORRUPT);
  return entry(rows);
}

std::optional<std::uint64_t> SqliteQueries::retained_after(std::uint64_t sequence, const TopicFilter& filter) {
  const std::uint64_t after = std::min(sequence, kMaxSqliteInteger);
  std::optional<std::uint64_t> first;
  if (filter.is_literal()) {
    for (const TopicPattern& topic : filter.patterns()) {
      if (const auto one = only_number(retained_topic_(topic.view(), after)))
        first = std::min(first.value_or(*one), *one);
    }
    return first;
  }
  PageScan scan(filter, sequence);
  for (SqliteRows rows = retained_after_(after, std::uint64_t{EventStore::kPageScan}); rows.next();) {
    first = static_cast<std::uint64_t>(rows.number(0));
    if (scan.wants(*first, topic_of(rows, 1))) return first;
  }
  return scan.is_full() ? first : std::nullopt;
}

std::size_t SqliteQueries::retained_cost(std::string_view topic) {
  return only_number(retained_cost_(topic)).value_or(0);
}

}  // namespace millrace
