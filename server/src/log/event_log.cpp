#include "event_log.h"

#include <algorithm>

#include "millrace/core/event_stream_writer.h"

namespace millrace {

std::size_t data_bytes(std::span<const Publication> publications) {
  std::size_t bytes = 0;
  for (const Publication& publication : publications) bytes += publication.event.data.size();
  return bytes;
}

std::string append_refusal(std::string_view reason) {
  return std::string("the store accepts no events: ").append(reason);
}

OwnedEventId id_of(std::string_view epoch, std::uint64_t sequence) {
  auto id = OwnedEventId::parse(std::string(epoch).append(1, '-').append(std::to_string(sequence)));
  if (!id)
    throw StoreUnavailable("the log's epoch is damaged: it is too long for an event ID, or has a line end in it");
  return std::move(*id);
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

std::string payload_of(std::string_view epoch, std::uint64_t sequence, const Event& event) {
  std::string payload;
  payload.reserve(event.data.size() + 64);
  if (!event.id.empty()) {
    EventStreamWriter(payload).event(event);
    return payload;
  }
  const OwnedEventId own_id = id_of(epoch, sequence);
  Event with_id = event;
  with_id.id = own_id;
  EventStreamWriter(payload).event(with_id);
  return payload;
}

namespace {

// The common part of the frames of events and marks. `Entry`: Publication or LogEntry.
template <typename Entry>
std::shared_ptr<Frame> blank_frame(std::uint64_t sequence, const Entry& entry, TimePoint published) {
  const Publication::Kind kind = entry.kind;
  auto frame = std::make_shared<Frame>();
  frame->sequence = sequence;
  frame->topic = entry.topic;
  if (!entry.further_topics.empty()) {
    frame->further_topics =
        std::make_unique<const std::vector<OwnedTopic>>(entry.further_topics.begin(), entry.further_topics.end());
  }
  frame->published = published;
  frame->is_mark = kind != Publication::Kind::kEvent;
  frame->finishes_topic = kind == Publication::Kind::kFinish;
  return frame;
}

// A mark carries only the log's position.
std::string mark_payload(std::string_view epoch, std::uint64_t sequence) {
  std::string payload;
  const OwnedEventId id = id_of(epoch, sequence);
  EventStreamWriter(payload).cursor(id);
  return payload;
}

}  // namespace

std::shared_ptr<Frame> frame_of(std::string_view epoch, const LogEntry& entry, TimePoint published) {
  auto frame = blank_frame(entry.sequence, entry, published);
  if (frame->is_mark) {
    set_payload(*frame, mark_payload(epoch, entry.sequence));
    return frame;
  }
  frame->publisher_id = entry.publisher_id;
  frame->publisher = entry.publisher_key;
  set_event(*frame, entry.payload);
  return frame;
}

std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now) {
  auto frame = blank_frame(sequence, publication, now);
  if (frame->is_mark) {
    set_payload(*frame, mark_payload(epoch, sequence));
    return frame;
  }
  frame->is_retained = publication.retain;
  frame->publisher_id = publication.event.id.view();
  if (!frame->publisher_id.empty()) frame->publisher = publisher_key(publication.publisher);
  set_event(*frame, payload_of(epoch, sequence, publication.event));
  return frame;
}

}  // namespace millrace
