// The newest event of each topic, by the last message of its subjects, which JetStream knows.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "stream_queries.h"

namespace millrace {

namespace {

using Topics = EventStore::Topics;

}  // namespace

// Whether the event is its topic's newest, and the topic, if that matters, goes on.
bool StreamQueries::is_newest(const LogEntry& event, Topics topics) const {
  if (last(subject('e', event.topic.view())) != event.sequence) return false;
  return topics == Topics::kAll || last(subject('f', event.topic.view())).value_or(0) < event.sequence;
}

EventStore::Page StreamQueries::read_newest(std::uint64_t sequence, std::uint64_t until, std::uint64_t head,
                                            const TopicFilter& filter, Topics topics) const {
  return filter.is_literal() ? newest_of_topics(sequence, std::min(until, head), filter, topics)
                             : newest_of_page(sequence, until, head, filter, topics);
}

// Two or three questions for each topic, however long the log is.
EventStore::Page StreamQueries::newest_of_topics(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                                 Topics topics) const {
  std::map<std::uint64_t, std::string> found;
  for (const TopicPattern& topic : filter.patterns()) {
    const auto event = last(subject('e', topic.view()));
    if (!event || *event <= sequence || *event > until) continue;
    if (topics == Topics::kGoingOn && last(subject('f', topic.view())).value_or(0) > *event) continue;
    found.emplace(*event, subject('e', topic.view()));
  }
  EventStore::Page page{.through = std::max(sequence, until)};
  std::size_t bytes = 0;
  for (const auto& [at, name] : found) {
    const auto message = first(name, at);
    if (!message || message->sequence != at) continue;  // it has been removed meanwhile
    auto entry = log_entry(*message);
    if (!entry) continue;
    bytes += entry->payload.size();
    page.entries.push_back(std::move(*entry));
    if (page.entries.size() < EventStore::kPageEntries && bytes < EventStore::kPageBytes) continue;
    if (at != found.rbegin()->first) page.through = at;
    break;
  }
  page.oldest = state().oldest;
  return page;
}

// A page of the log at a time: of each topic the last event in it is asked about.
EventStore::Page StreamQueries::newest_of_page(std::uint64_t sequence, std::uint64_t until, std::uint64_t head,
                                               const TopicFilter& filter, Topics topics) const {
  EventStore::Page page = read_after(sequence, head, filter);
  page.through = std::min(page.through, until);
  std::map<std::string, const LogEntry*, std::less<>> latest;
  for (const LogEntry& entry : page.entries) {
    if (entry.kind == Publication::Kind::kEvent && entry.sequence <= until) latest[entry.topic.text()] = &entry;
  }
  std::vector<LogEntry> newest;
  for (const auto& [name, entry] : latest) {
    if (is_newest(*entry, topics)) newest.push_back(*entry);
  }
  std::sort(newest.begin(), newest.end(), [](const LogEntry& a, const LogEntry& b) { return a.sequence < b.sequence; });
  page.entries = std::move(newest);
  return page;
}

}  // namespace millrace
