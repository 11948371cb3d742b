// Http2Peer: the client's side of an Http2Session in tests. It writes frames, right and wrong ones, and reads what the
// session says.
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
#include "http2/http2_session.h"

namespace millrace::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline Fields get(const std::string& path = "/") {
  return {{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "localhost"}};
}
inline Fields post(Fields more = {}) {
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

class Http2Peer final : public Http2Session::Listener {
 public:
  /// `consumes`: bodies are read as they come.
  explicit Http2Peer(bool consumes = true, std::size_t max_head_bytes = 16 * 1024)
      : session(*this, shared_, max_head_bytes), consumes_(consumes) {}

  /// The preface and the client's settings.
  static std::string greeting(std::string_view values = {}) { return std::string(kHttp2Preface) + settings(values); }

  bool give(std::string_view bytes) {
    const bool goes_on = session.receive(bytes, now);
    collect();
    return goes_on;
  }
  bool give_in_pieces(std::string_view bytes, std::size_t size) {
    bool goes_on = true;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) goes_on = give(bytes.substr(0, size));
    return goes_on;
  }
  void greet(std::string_view values = {}) {
    give(greeting(values));
    give(settings_ack());
  }
  /// Takes what the session has said.
  const Said& collect() {
    said.read(session.output());
    session.output().clear();
    return said;
  }
  /// Sends on a stream as much as goes; returns how much that was.
  std::size_t send(std::uint32_t id, std::string_view bytes, bool ends = false) {
    const std::size_t sent = session.send(*session.find(id), {&bytes, 1}, ends);
    collect();
    return sent;
  }
  void respond(std::uint32_t id, bool ends = false) {
    std::string block;
    append_status(200, block);
    session.respond(*session.find(id), block, ends);
    collect();
  }

  TimePoint now{};
  std::map<std::uint32_t, std::string> heads;
  std::map<std::uint32_t, std::string> bodies;
  std::map<std::uint32_t, bool> whole;
  std::vector<std::uint32_t> lost;
  std::vector<std::uint32_t> with_room;
  int room_for_all = 0;
  Said said;

 private:
  void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) override {
    heads[stream] = fields.head();
    whole[stream] = !has_body;
  }
  void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) override {
    bodies[stream.id].append(bytes);
    if (is_last) whole[stream.id] = true;
    if (consumes_) session.consume(stream, bytes.size());
  }
  void on_reset(Http2Stream& stream) override { lost.push_back(stream.id); }
  void on_room(Http2Stream& stream) override { with_room.push_back(stream.id); }
  void on_room() override { ++room_for_all; }

  Http2Session::SharedDecoder shared_;

 public:
  Http2Session session;

 private:
  const bool consumes_;
};

}  // namespace millrace::test
