#include "millrace/server/event_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/random_tag.h"
#include "digest.h"
#include "event_log.h"
#include "topic_matcher.h"

namespace millrace {

namespace {

// Whether no event follows in the topic; and with Topics::kGoingOn, no finish either.
bool is_newest(const EventStore& store, const LogEntry& event, EventStore::Topics topics) {
  const TopicFilter topic({event.topic.get()});
  for (std::uint64_t seen = event.sequence;;) {
    const EventStore::Page page = store.read_after(seen, topic);
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
  entry.publisher_id = publication.event.id.view();
  if (!entry.publisher_id.empty()) entry.publisher_key = millrace::publisher_key(publication.publisher);
  entry.payload = payload_of(epoch, sequence, publication.event);
  return entry;
}

// Reads one page of the log: a topic's last event in the page counts, if the log has none after it.
EventStore::Page EventStore::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                         Topics topics) const {
  Page page = read_after(sequence, filter);
  page.through = std::min(page.through, until);
  std::map<std::string, LogEntry*> last;
  for (LogEntry& entry : page.entries) {
    if (entry.sequence > until) break;
    if (entry.kind == Publication::Kind::kEvent) last[entry.topic.text()] = &entry;
  }
  std::vector<LogEntry> newest;
  for (const auto& [name, entry] : last) {
    if (is_newest(*this, *entry, topics)) newest.push_back(std::move(*entry));
  }
  std::sort(newest.begin(), newest.end(), [](const LogEntry& a, const LogEntry& b) { return a.sequence < b.sequence; });
  page.entries = std::move(newest);
  return page;
}

PageScan::PageScan(const TopicFilter& filter, std::uint64_t sequence)
    : matcher_(std::make_unique<TopicMatcher>(filter)), through_(sequence) {}

PageScan::~PageScan() = default;

bool PageScan::wants(std::uint64_t sequence, Topic topic) {
  through_ = sequence;
  ++looked_at_;
  return matcher_->matches(topic);
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
