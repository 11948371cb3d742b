#include "frame.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/protocol.h"

namespace millrace {

namespace {

// An event's payload with `{"topic":…,"data":…}` in place of its data. EventStreamWriter writes the `data` lines last.
std::string enveloped(std::string_view topic, std::string_view payload) {
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
  const nlohmann::ordered_json envelope = {{"topic", topic}, {"data", data}};
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
  const Frame& data = form.envelope ? made(enveloped_, [this] { return enveloped(topic_text(), payload()); }) : *this;
  if (!form.topic) return data;
  return data.made(data.with_topic_, [&] {
    return std::string(protocol::kTopicField).append(": ").append(topic_text()).append(1, '\n').append(data.payload());
  });
}

template <typename Make>
const Frame& Frame::made(Variant& variant, const Make& make) const {
  if (const Frame* there = variant.load(std::memory_order_acquire)) return *there;
  auto frame = std::make_unique<Frame>();
  frame->sequence = sequence;
  frame->topic = topic;
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
  frame.payload_begin = static_cast<std::uint32_t>(append_chunk(payload, frame.bytes));
  frame.payload_bytes = static_cast<std::uint32_t>(payload.size());
}

}  // namespace millrace
