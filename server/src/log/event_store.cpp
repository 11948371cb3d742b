#include "millrace/server/event_store.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/random_tag.h"
#include "digest.h"
#include "event_log.h"
#include "topic_matcher.h"

namespace millrace {

namespace {

// Whether no event follows in the topic; and with Topics::kGoingOn, no finish either.
bool is_newest(const EventStore& store, std::uint64_t event, const OwnedTopic& topic, EventStore::Topics topics) {
  const TopicFilter filter({topic.get()});
  for (std::uint64_t seen = event;;) {
    const EventStore::Page page = store.read_after(seen, filter);
    for (const LogEntry& entry : page.entries) {
      if (entry.kind == Publication::Kind::kEvent) return false;
      if (entry.kind == Publication::Kind::kFinish && topics == EventStore::Topics::kGoingOn) return false;
    }
    if (page.through <= seen || page.through >= store.head()) return true;
    seen = page.through;
  }
}

}  // namespace

std::string publisher_key(std::string_view publisher) {
  constexpr std::size_t kHalf = 32;  // 128 bits, in hexadecimal digits
  return publisher.empty() ? std::string() : sha256(publisher).substr(0, kHalf);
}

std::string new_store_epoch() {
  return store_epoch(random_tag());
}

LogEntry LogEntry::of(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                      std::chrono::system_clock::time_point published) {
  LogEntry entry{.sequence = sequence, .topic = publication.topic, .kind = publication.kind, .published = published};
  if (publication.kind != Publication::Kind::kEvent) return entry;
  entry.further_topics.assign(publication.further_topics.begin(), publication.further_topics.end());
  entry.publisher_id = publication.event.id.view();
  if (!entry.publisher_id.empty()) entry.publisher_key = millrace::publisher_key(publication.publisher);
  entry.payload = payload_of(epoch, sequence, publication.event);
  return entry;
}

std::string LogEntry::joined_topics() const {
  std::string joined = topic.text();
  for (const OwnedTopic& further : further_topics) joined.append(1, '\n').append(further.text());
  return joined;
}

bool LogEntry::set_topics(std::string_view joined) {
  std::vector<OwnedTopic> topics;
  while (true) {
    const std::size_t end = joined.find('\n');
    auto one = OwnedTopic::parse(std::string(joined.substr(0, end)));
    if (!one || topics.size() == kMaxTopicsPerEvent) return false;
    topics.push_back(std::move(*one));
    if (end == std::string_view::npos) break;
    joined.remove_prefix(end + 1);
  }
  topic = std::move(topics.front());
  further_topics.assign(std::make_move_iterator(topics.begin() + 1), std::make_move_iterator(topics.end()));
  return true;
}

// Reads one page of the log: a topic's last event in the page counts, if the log has none after it.
EventStore::Page EventStore::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                         Topics topics) const {
  Page page = read_after(sequence, filter);
  page.through = std::min(page.through, until);
  std::map<std::string, std::uint64_t> last;
  for (const LogEntry& entry : page.entries) {
    if (entry.sequence > until) break;
    if (entry.kind != Publication::Kind::kEvent) continue;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) {
      if (filter.matches(entry.topic_at(i))) last[entry.topic_at(i).text()] = entry.sequence;
    }
  }
  std::vector<LogEntry> newest;
  for (LogEntry& entry : page.entries) {
    if (entry.sequence > until) break;
    if (entry.kind != Publication::Kind::kEvent) continue;
    std::vector<OwnedTopic> kept;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) {
      const OwnedTopic& topic = entry.topic_at(i);
      const auto found = last.find(topic.text());
      const bool is_last = found != last.end() && found->second == entry.sequence;
      if (is_last && is_newest(*this, entry.sequence, topic, topics)) kept.push_back(topic);
    }
    if (kept.empty()) continue;
    entry.topic = std::move(kept.front());
    entry.further_topics.assign(std::make_move_iterator(kept.begin() + 1), std::make_move_iterator(kept.end()));
    newest.push_back(std::move(entry));
  }
  page.entries = std::move(newest);
  return page;
}

PageScan::PageScan(const TopicFilter& filter, std::uint64_t sequence)
    : matcher_(std::make_unique<TopicMatcher>(filter)), through_(sequence) {}

PageScan::~PageScan() = default;

bool PageScan::wants(std::uint64_t sequence, Topic topic, std::span<const OwnedTopic> further_topics) {
  through_ = sequence;
  ++looked_at_;
  return matcher_->matches(topic) || std::any_of(further_topics.begin(), further_topics.end(),
                                                 [&](const OwnedTopic& one) { return matcher_->matches(one); });
}

void PageScan::add(std::size_t bytes) {
  ++entries_;
  bytes_ += bytes;
}

std::size_t PageScan::work() const {
  return matcher_->steps() + kWorkPerFrame * entries_;
}

bool PageScan::is_full() const {
  return entries_ == EventStore::kPageEntries || bytes_ >= EventStore::kPageBytes ||
         looked_at_ >= EventStore::kPageScan || work() >= EventLog::kPageWork;
}

}  // namespace millrace
