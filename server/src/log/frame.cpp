#include "frame.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/protocol.h"
#include "pinned_bytes.h"
#include "topic_matcher.h"

namespace millrace {

namespace {

// The topics as the `topic` field has them: no topic contains a tab.
std::string topic_field(const Frame& frame) {
  std::string text(frame.topic_text());
  for (std::size_t i = 1; i < frame.topic_count(); ++i) text.append(1, '\t').append(frame.topic_at(i).view());
  return text;
}

// The same as an envelope has them: a string, or an array of several.
nlohmann::ordered_json topics_in_json(const Frame& frame) {
  if (frame.topic_count() == 1) return frame.topic_text();
  auto topics = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < frame.topic_count(); ++i) topics.push_back(frame.topic_at(i).view());
  return topics;
}

// An event's payload with `{"topic":…,"data":…}` in place of its data. EventStreamWriter writes the `data` lines last.
std::string enveloped(const Frame& frame) {
  std::string_view payload = frame.payload();
  constexpr std::string_view kData = "data: ";
  std::string fields;
  std::string data;
  bool is_first = true;
  while (payload.size() > 1) {
    const std::size_t end = payload.find('\n');
    const std::string_view line = payload.substr(0, end);
    if (line.starts_with(kData)) {
      if (!std::exchange(is_first, false)) data += '\n';
      data.append(line.substr(kData.size()));
    } else {
      fields.append(line).append(1, '\n');
    }
    payload.remove_prefix(std::min(end, payload.size() - 1) + 1);
  }
  const nlohmann::ordered_json envelope = {{"topic", topics_in_json(frame)}, {"data", data}};
  // Invalid UTF-8 arrives at the client as it would without the envelope.
  fields.append(kData).append(envelope.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return fields.append("\n\n");
}

}  // namespace

Frame::~Frame() {
  delete with_topic_.load(std::memory_order_relaxed);
  delete enveloped_.load(std::memory_order_relaxed);
}

const GzipBlock& Frame::gzip() const {
  std::call_once(gzip_once_, [this] {
    if (gzip_ == nullptr) gzip_ = std::make_unique<const GzipBlock>(compressed_block(payload()));
  });
  return *gzip_;
}

std::string_view Frame::coded(WireCoding coding) const {
  switch (coding) {
    case WireCoding::kPayload:
      return payload();
    case WireCoding::kChunk:
      return chunk();
    case WireCoding::kGzipPayload:
      return gzip().payload();
    case WireCoding::kGzipChunk:
      break;
  }
  return gzip().chunk;
}

const Frame& Frame::in(WireForm form) const {
  if (!topic || (!form.topic && !form.envelope)) return *this;
  const Frame& data = form.envelope ? made(enveloped_, [this] { return enveloped(*this); }) : *this;
  if (!form.topic) return data;
  return data.made(data.with_topic_, [&] {
    return std::string(protocol::kTopicField)
        .append(": ")
        .append(topic_field(*this))
        .append(1, '\n')
        .append(data.payload());
  });
}

namespace {

void copy_topics(const Frame& from, Frame& to) {
  to.topic = from.topic;
  if (from.further_topics != nullptr)
    to.further_topics = std::make_unique<const std::vector<OwnedTopic>>(*from.further_topics);
}

}  // namespace

template <typename Make>
const Frame& Frame::made(Variant& variant, const Make& make) const {
  if (const Frame* there = variant.load(std::memory_order_acquire)) return *there;
  auto frame = std::make_unique<Frame>();
  frame->sequence = sequence;
  copy_topics(*this, *frame);
  set_payload(*frame, make());
  const Frame* first = nullptr;
  // If another thread was faster, its frame is used.
  return variant.compare_exchange_strong(first, frame.get(), std::memory_order_acq_rel) ? *frame.release() : *first;
}

std::size_t append_chunk(std::string_view payload, std::string& out) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, payload.size(), 16).ptr;
  out.append(digits, end).append("\r\n");
  const std::size_t begin = out.size();
  out.append(payload).append("\r\n");
  return begin;
}

void wrap_chunk(std::string& out, std::size_t begin) {
  char line[18];
  char* const end = std::to_chars(line, line + 16, out.size() - begin, 16).ptr;
  end[0] = '\r';
  end[1] = '\n';
  out.insert(begin, std::string_view(line, static_cast<std::size_t>(end + 2 - line))).append("\r\n");
}

void set_payload(Frame& frame, std::string_view payload) {
  // Reserves everything at once: a string that grows would take twice the memory for as long as the log keeps it.
  constexpr std::size_t kFraming = 20;
  frame.bytes.clear();
  frame.bytes.reserve(payload.size() + kFraming);
  frame.payload_begin = static_cast<std::uint8_t>(append_chunk(payload, frame.bytes));
  frame.payload_bytes = static_cast<std::uint32_t>(payload.size());
}

FramePtr of_topics(FramePtr frame, TopicSet topics) {
  if (frame->further_topics == nullptr) return frame;
  const auto has = [&](std::size_t index) { return (topics >> index & 1) != 0; };
  std::vector<OwnedTopic> kept;
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (has(i)) kept.push_back(frame->topic_at(i));
  }
  if (kept.empty() || kept.size() == frame->topic_count()) return frame;
  auto part = std::make_shared<Frame>();
  part->sequence = frame->sequence;
  part->topic = std::move(kept.front());
  kept.erase(kept.begin());
  if (!kept.empty()) part->further_topics = std::make_unique<const std::vector<OwnedTopic>>(std::move(kept));
  part->publisher_id = frame->publisher_id;
  part->publisher = frame->publisher;
  part->is_retained = frame->is_retained;
  part->payload_begin = frame->payload_begin;
  part->payload_bytes = frame->payload_bytes;
  part->published = frame->published;
  part->bytes = frame->bytes;
  PinnedBytes::begin_gone(*part);
  return part;
}

FramePtr as_reached_by(FramePtr frame, TopicMatcher& matcher) {
  if (frame->further_topics == nullptr) return frame;
  TopicSet topics = 0;
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (matcher.matches(frame->topic_at(i))) topics |= TopicSet{1} << i;
  }
  return of_topics(std::move(frame), topics);
}

}  // namespace millrace
