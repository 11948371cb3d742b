#include "millrace/server/event_store.h"

#include <utility>

#include "base/random_tag.h"
#include "digest.h"
#include "event_log.h"
#include "topic_matcher.h"

namespace millrace {

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
