// Frames of HTTP/2 as tests write them, right and wrong ones, and what a server has said in frames.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/frame_reader.h"
#include "http2/frame_writer.h"
#include "http2/hpack.h"

namespace millrace::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline Fields get_fields(const std::string& path = "/") {
  return {{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "localhost"}};
}
inline Fields post_fields(Fields more = {}) {
  Fields fields{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "localhost"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline std::string block_of(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) append_field(name, value, block);
  return block;
}

/// A frame with whatever is given.
inline std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string out;
  append_frame_head(
      {.length = static_cast<std::uint32_t>(payload.size()), .type = type, .flags = flags, .stream = stream}, out);
  return out.append(payload);
}

inline std::string bytes_of(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

inline std::string number_32(std::uint32_t value) {
  return bytes_of({static_cast<int>(value >> 24), static_cast<int>(value >> 16 & 0xff),
                   static_cast<int>(value >> 8 & 0xff), static_cast<int>(value & 0xff)});
}

inline std::string setting(SettingId id, std::uint32_t value) {
  return bytes_of({0, static_cast<int>(id)}) + number_32(value);
}
inline std::string settings(std::string_view values = {}) {
  return frame(FrameType::kSettings, 0, 0, values);
}
inline std::string settings_ack() {
  return frame(FrameType::kSettings, frame_flag::kAck, 0);
}

/// The field section in one frame; `flags` besides END_HEADERS.
inline std::string headers(std::uint32_t stream, const Fields& fields, std::uint8_t flags = frame_flag::kEndStream) {
  return frame(FrameType::kHeaders, flags | frame_flag::kEndHeaders, stream, block_of(fields));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool ends = false) {
  return frame(FrameType::kData, ends ? frame_flag::kEndStream : std::uint8_t{0}, stream, bytes);
}
inline std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return frame(FrameType::kWindowUpdate, 0, stream, number_32(bytes));
}
inline std::string reset_of(std::uint32_t stream, Http2Error error = Http2Error::kCancel) {
  return frame(FrameType::kRstStream, 0, stream, number_32(static_cast<std::uint32_t>(error)));
}
inline std::string repeated(std::size_t times, const std::string& text) {
  std::string all;
  all.reserve(times * text.size());
  for (std::size_t i = 0; i < times; ++i) all.append(text);
  return all;
}

/// What a session has said, frame by frame.
struct Said {
  std::map<std::uint32_t, Http2Error> resets;
  std::map<std::uint32_t, std::string> data;
  std::map<std::uint32_t, bool> ends;
  std::map<std::uint32_t, Fields> heads;
  std::vector<std::size_t> data_frames;  // payloads
  std::vector<Http2Error> go_aways;
  std::vector<std::string> pings;
  std::map<std::uint32_t, std::uint32_t> window_updates;
  std::map<SettingId, std::uint32_t> settings;
  int settings_acks = 0;

  void read(std::string_view bytes) {
    std::string block;
    while (true) {
      if (reader_.next(bytes) != FrameReader::Read::kPiece) return;
      const FrameReader::Piece& piece = reader_.piece();
      const std::uint32_t stream = piece.head.stream;
      switch (piece.head.type) {
        case FrameType::kData:
          data[stream].append(piece.payload);
          if (piece.is_first) data_frames.push_back(piece.head.length);
          break;
        case FrameType::kHeaders:
        case FrameType::kContinuation:
          block.append(piece.payload);
          if (piece.head.has(frame_flag::kEndHeaders)) {
            decoder_.decode(
                block, [&](std::string_view name, std::string_view value) { heads[stream].emplace_back(name, value); });
            block.clear();
          }
          break;
        case FrameType::kRstStream:
          resets[stream] = static_cast<Http2Error>(read_32(piece.payload));
          break;
        case FrameType::kGoAway:
          go_aways.push_back(static_cast<Http2Error>(read_32(piece.payload, 4)));
          break;
        case FrameType::kPing:
          pings.emplace_back(piece.payload);
          break;
        case FrameType::kSettings:
          if (piece.head.has(frame_flag::kAck)) ++settings_acks;
          for (std::size_t at = 0; at + 6 <= piece.payload.size(); at += 6) {
            settings[static_cast<SettingId>(read_16(piece.payload, at))] = read_32(piece.payload, at + 2);
          }
          break;
        case FrameType::kWindowUpdate:
          window_updates[stream] += read_32(piece.payload);
          break;
        default:
          break;
      }
      const bool may_end = piece.head.type == FrameType::kData || piece.head.type == FrameType::kHeaders;
      if (may_end && piece.head.has(frame_flag::kEndStream)) ends[stream] = true;
    }
  }

 private:
  FrameReader reader_;
  HpackDecoder decoder_{HpackDecoder::Table::kDefault};
};

}  // namespace millrace::test
