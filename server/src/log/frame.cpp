#include "frame.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/event_stream_writer.h"
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

constexpr std::uint8_t kWithTopic = 1;
constexpr std::uint8_t kWithEnvelope = 2;
constexpr std::uint8_t kWithTrace = 4;

// Removes the line of this field from the beginning of `text`, and returns its value; nothing if it begins otherwise.
std::string_view take_field(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name) || text.substr(name.size(), 2) != ": ") return {};
  const std::size_t end = std::min(text.find('\n'), text.size() - 1);
  const std::string_view value = text.substr(name.size() + 2, end - name.size() - 2);
  text.remove_prefix(end + 1);
  return value;
}

// Removes the trace's fields from the beginning of an event. Nothing if it has none, or an invalid one.
TraceContext take_trace(std::string_view& event) {
  const std::string_view parent = take_field(event, protocol::kTraceParentField);
  const std::string_view state = take_field(event, protocol::kTraceStateField);
  return TraceContext::parse(parent, state).value_or(TraceContext());
}

void add_members(TraceContext trace, nlohmann::ordered_json& envelope) {
  if (!trace.empty()) envelope[std::string(protocol::kTraceParentField)] = trace.parent();
  if (!trace.state().empty()) envelope[std::string(protocol::kTraceStateField)] = trace.state();
}

// An event's payload with `{"topic":…,"data":…}` in place of its data. EventStreamWriter writes the `data` lines last.
std::string enveloped(const Frame& frame, TraceContext trace) {
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
  nlohmann::ordered_json envelope = {{"topic", topics_in_json(frame)}, {"data", data}};
  add_members(trace, envelope);
  // Invalid UTF-8 arrives at the client as it would without the envelope.
  fields.append(kData).append(envelope.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return fields.append("\n\n");
}

}  // namespace

Frame::~Frame() {
  delete next_form_.load(std::memory_order_relaxed);
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

TraceContext Frame::trace() const {
  std::string_view fields = trace_fields();
  return take_trace(fields);
}

Frame::Additions Frame::additions_of(WireForm form) const {
  if (!topic) return 0;
  unsigned additions = form.topic ? kWithTopic : 0U;
  if (form.envelope) additions |= kWithEnvelope;
  if (form.trace && !trace_fields().empty()) additions |= kWithTrace;
  return static_cast<Additions>(additions);
}

std::string Frame::payload_with(Additions additions) const {
  std::string payload;
  if ((additions & kWithTopic) != 0) {
    payload.append(protocol::kTopicField).append(": ").append(topic_field(*this)).append(1, '\n');
  }
  const bool has_trace = (additions & kWithTrace) != 0;
  if (has_trace) payload.append(trace_fields());
  if ((additions & kWithEnvelope) == 0) return payload.append(this->payload());
  return payload.append(enveloped(*this, has_trace ? trace() : TraceContext()));
}

const Frame& Frame::in(WireForm form) const {
  const Additions additions = additions_of(form);
  const Frame* last = this;
  std::unique_ptr<Frame> made;
  while (last->additions_ != additions) {
    const Frame* next = last->next_form_.load(std::memory_order_acquire);
    if (next == nullptr) {
      if (made == nullptr) {
        made = std::make_unique<Frame>();
        made->sequence = sequence;
        made->additions_ = additions;
        set_payload(*made, payload_with(additions));
      }
      // If another thread was faster, the list goes on with its frame.
      if (last->next_form_.compare_exchange_strong(next, made.get(), std::memory_order_acq_rel)) return *made.release();
    }
    last = next;
  }
  return *last;
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

void set_payload(Frame& frame, std::string_view payload, std::string_view trace) {
  // Reserves everything at once: a string that grows would take twice the memory for as long as the log keeps it.
  constexpr std::size_t kFraming = 20;
  frame.bytes.clear();
  frame.bytes.reserve(payload.size() + kFraming + trace.size());
  frame.payload_begin = static_cast<std::uint8_t>(append_chunk(payload, frame.bytes));
  frame.payload_bytes = static_cast<std::uint32_t>(payload.size());
  frame.bytes.append(trace);
}

void set_event(Frame& frame, std::string_view event) {
  std::string_view rest = event;
  const TraceContext trace = take_trace(rest);
  std::string fields;
  if (!trace.empty()) EventStreamWriter(fields).trace(trace);
  set_payload(frame, rest, fields);
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
