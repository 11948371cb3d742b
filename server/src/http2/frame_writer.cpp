#include "frame_writer.h"

namespace millrace {

namespace {

void append_16(std::uint32_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8 & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

void append_32(std::uint32_t value, std::string& out) {
  append_16(value >> 16, out);
  append_16(value & 0xffff, out);
}

}  // namespace

void append_frame_head(const FrameHead& head, std::string& out) {
  const char bytes[kFrameHeadBytes] = {static_cast<char>(head.length >> 16 & 0xff),
                                       static_cast<char>(head.length >> 8 & 0xff),
                                       static_cast<char>(head.length & 0xff),
                                       static_cast<char>(head.type),
                                       static_cast<char>(head.flags),
                                       static_cast<char>(head.stream >> 24 & 0x7f),
                                       static_cast<char>(head.stream >> 16 & 0xff),
                                       static_cast<char>(head.stream >> 8 & 0xff),
                                       static_cast<char>(head.stream & 0xff)};
  out.append(bytes, sizeof bytes);
}

void append_settings(std::span<const std::pair<SettingId, std::uint32_t>> settings, std::string& out) {
  constexpr std::uint32_t kSettingBytes = 6;
  const auto length = static_cast<std::uint32_t>(settings.size()) * kSettingBytes;
  append_frame_head({.length = length, .type = FrameType::kSettings}, out);
  for (const auto& [id, value] : settings) {
    append_16(static_cast<std::uint32_t>(id), out);
    append_32(value, out);
  }
}

void append_settings_ack(std::string& out) {
  append_frame_head({.type = FrameType::kSettings, .flags = frame_flag::kAck}, out);
}

void append_ping(std::string_view opaque, bool is_ack, std::string& out) {
  append_frame_head({.length = 8, .type = FrameType::kPing, .flags = is_ack ? frame_flag::kAck : std::uint8_t{0}}, out);
  out.append(opaque);
}

void append_reset(std::uint32_t stream, Http2Error error, std::string& out) {
  append_frame_head({.length = 4, .type = FrameType::kRstStream, .stream = stream}, out);
  append_32(static_cast<std::uint32_t>(error), out);
}

void append_window_update(std::uint32_t stream, std::uint32_t bytes, std::string& out) {
  append_frame_head({.length = 4, .type = FrameType::kWindowUpdate, .stream = stream}, out);
  append_32(bytes, out);
}

void append_go_away(std::uint32_t last_stream, Http2Error error, std::string_view sentence, std::string& out) {
  append_frame_head({.length = static_cast<std::uint32_t>(8 + sentence.size()), .type = FrameType::kGoAway}, out);
  append_32(last_stream, out);
  append_32(static_cast<std::uint32_t>(error), out);
  out.append(sentence);
}

void append_headers(std::uint32_t stream, std::string_view block, bool ends_stream, std::string& out) {
  FrameType type = FrameType::kHeaders;
  do {
    const std::string_view part = block.substr(0, kMaxFramePayload);
    block.remove_prefix(part.size());
    std::uint8_t flags = block.empty() ? frame_flag::kEndHeaders : std::uint8_t{0};
    if (type == FrameType::kHeaders && ends_stream) flags |= frame_flag::kEndStream;
    append_frame_head(
        {.length = static_cast<std::uint32_t>(part.size()), .type = type, .flags = flags, .stream = stream}, out);
    out.append(part);
    type = FrameType::kContinuation;
  } while (!block.empty());
}

}  // namespace millrace
