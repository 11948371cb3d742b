#include "event_log.h"

#include <algorithm>
#include <utility>

#include "digest.h"
#include "millrace/core/event_stream_writer.h"

namespace millrace {

std::string append_refusal(std::string_view reason) {
  return std::string("the store accepts no events: ").append(reason);
}

std::string id_of(std::string_view epoch, std::uint64_t sequence) {
  return std::string(epoch).append(1, '-').append(std::to_string(sequence));
}

namespace {

constexpr std::size_t kEpochBytes = 8;
constexpr char kMemoryMark = 'm';
constexpr char kStoreMark = 's';

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter_or_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z');
}

}  // namespace

bool is_from_memory(std::string_view id) {
  if (id.size() < kEpochBytes + 2 || id[0] != kMemoryMark || id[kEpochBytes] != '-') return false;
  const std::string_view epoch = id.substr(0, kEpochBytes);
  const std::string_view number = id.substr(kEpochBytes + 1);
  return std::all_of(epoch.begin(), epoch.end(), is_letter_or_digit) &&
         std::all_of(number.begin(), number.end(), is_digit);
}

std::string memory_epoch(std::string random) {
  random.resize(kEpochBytes, '0');
  random[0] = kMemoryMark;
  return random;
}

std::string store_epoch(std::string random) {
  random.resize(kEpochBytes, '0');
  random[0] = kStoreMark;
  return random;
}

std::string publisher_key(std::string_view publisher) {
  constexpr std::size_t kHalf = 32;  // 128 bits, in hexadecimal digits
  return publisher.empty() ? std::string() : sha256(publisher).substr(0, kHalf);
}

std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = sequence;
  frame->topic = publication.topic;
  frame->published = now;
  std::string payload;
  const std::string own_id = id_of(epoch, sequence);
  if (publication.kind == Publication::Kind::kEvent) {
    Event event = publication.event;
    frame->publisher_id = event.id.view();
    if (!event.id.empty()) frame->publisher = publisher_key(publication.publisher);
    if (event.id.empty()) event.id = *EventId::parse(own_id);
    payload.reserve(event.data.size() + 64);
    EventStreamWriter(payload).event(event);
  } else {
    frame->is_mark = true;
    frame->finishes_topic = publication.kind == Publication::Kind::kFinish;
    EventStreamWriter(payload).cursor(*EventId::parse(own_id));
  }
  set_payload(*frame, payload);
  return frame;
}

PageScan::PageScan(const TopicFilter& filter, std::uint64_t sequence) : matcher_(filter) {
  page_.through = sequence;
}

bool PageScan::wants(std::uint64_t sequence, Topic topic) {
  page_.through = sequence;
  ++looked_at_;
  return matcher_.matches(topic);
}

void PageScan::add(FramePtr frame) {
  bytes_ += frame->bytes.size();
  page_.frames.push_back(std::move(frame));
}

bool PageScan::is_full() const {
  return page_.frames.size() == EventLog::kPageFrames || bytes_ >= EventLog::kPageBytes ||
         looked_at_ >= EventLog::kPageScan ||
         matcher_.steps() + kWorkPerFrame * page_.frames.size() >= EventLog::kPageWork;
}

EventLog::Page PageScan::take(std::uint64_t oldest) {
  page_.oldest = oldest;
  page_.work = matcher_.steps() + kWorkPerFrame * page_.frames.size();
  return std::move(page_);
}

}  // namespace millrace
