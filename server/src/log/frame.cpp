#include "frame.h"

#include <charconv>

namespace millrace {

const GzipBlock& Frame::gzip() const {
  std::call_once(gzip_once_, [this] {
    if (gzip_ == nullptr) gzip_ = std::make_unique<const GzipBlock>(compressed_block(payload()));
  });
  return *gzip_;
}

std::string_view Frame::wire(WireForm form) const {
  switch (form) {
    case WireForm::kPayload:
      return payload();
    case WireForm::kChunk:
      return chunk();
    case WireForm::kGzipPayload:
      return gzip().payload();
    case WireForm::kGzipChunk:
      break;
  }
  return gzip().chunk;
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
  // All there will be: a string that grows at its end takes twice as much, for as long as the log keeps it.
  constexpr std::size_t kFraming = 20;
  frame.bytes.clear();
  frame.bytes.reserve(payload.size() + kFraming);
  frame.payload_begin = static_cast<std::uint32_t>(append_chunk(payload, frame.bytes));
  frame.payload_bytes = static_cast<std::uint32_t>(payload.size());
}

}  // namespace millrace
