// Http2Session: frames that carry no requests.
#include <algorithm>

#include "frame_writer.h"
#include "http2_session.h"

namespace millrace {

namespace {

constexpr std::size_t kSettingBytes = 6;

// A change of the initial window changes the windows of all streams: this many streams cost as much as a frame.
constexpr std::size_t kStreamsPerControlFrame = 16;

}  // namespace

void Http2Session::take_frame(const FrameReader::Piece& piece) {
  const FrameHead& head = piece.head;
  if (!has_settings_ && (head.type != FrameType::kSettings || head.has(frame_flag::kAck))) {
    return fail(Http2Error::kProtocol, "the first frame is not SETTINGS");
  }
  // No other frame may come between the frames of a field section. [RFC 9113 6.10]
  if (block_stream_ != 0 && (head.type != FrameType::kContinuation || head.stream != block_stream_)) {
    return fail(Http2Error::kProtocol, "a frame in the middle of a field section");
  }
  switch (head.type) {
    case FrameType::kData:
      return take_data(piece);
    case FrameType::kHeaders:
      return take_headers(piece);
    case FrameType::kPriority:
      return take_priority(piece);
    case FrameType::kRstStream:
      return take_reset(piece);
    case FrameType::kSettings:
      return take_settings(piece);
    case FrameType::kPushPromise:
      return fail(Http2Error::kProtocol, "PUSH_PROMISE from a client");
    case FrameType::kPing:
      return take_ping(piece);
    case FrameType::kGoAway:
      return take_go_away(piece);
    case FrameType::kWindowUpdate:
      return take_window_update(piece);
    case FrameType::kContinuation:
      return take_continuation(piece);
  }
  if (piece.is_first) spend_control();  // of an unknown type [RFC 9113 5.5]
}

// Priorities are ignored. [RFC 9113 5.3]
void Http2Session::take_priority(const FrameReader::Piece& piece) {
  if (piece.head.stream == 0) return fail(Http2Error::kProtocol, "PRIORITY without a stream");
  if (!spend_control() || piece.payload.size() == 5) return;
  if (Http2Stream* const stream = find(piece.head.stream)) return break_stream(*stream, Http2Error::kFrameSize);
  fail(Http2Error::kFrameSize, "PRIORITY of a size other than 5 bytes");
}

void Http2Session::take_reset(const FrameReader::Piece& piece) {
  if (piece.payload.size() != 4) return fail(Http2Error::kFrameSize, "RST_STREAM of a size other than 4 bytes");
  if (piece.head.stream == 0 || piece.head.stream > last_stream_) {
    return fail(Http2Error::kProtocol, "RST_STREAM of an idle stream");
  }
  if (!spend_control()) return;
  Http2Stream* const stream = find(piece.head.stream);
  if (stream == nullptr || !spend_reset()) return;
  listener_.on_reset(*stream);
  if (Http2Stream* const left = find(piece.head.stream)) erase(*left);
}

// [RFC 9113 6.5]
void Http2Session::take_settings(const FrameReader::Piece& piece) {
  const bool is_ack = piece.head.has(frame_flag::kAck);
  if (piece.head.stream != 0) return fail(Http2Error::kProtocol, "SETTINGS on a stream");
  if (piece.payload.size() % kSettingBytes != 0 || (is_ack && !piece.payload.empty())) {
    return fail(Http2Error::kFrameSize, "SETTINGS of an invalid size");
  }
  if (!spend_control(1 + piece.payload.size() / kSettingBytes)) return;
  if (is_ack) {
    // The acknowledgement empties the peer's table, which ends the use of its decoder.
    if (!is_settled_) table_ = HpackDecoder::Table::kShrinks;
    is_settled_ = true;
    decoder_.reset();
    return;
  }
  has_settings_ = true;
  for (std::string_view left = piece.payload; !left.empty(); left.remove_prefix(kSettingBytes)) {
    if (!take_setting(static_cast<SettingId>(read_16(left)), read_32(left, 2))) return;
  }
  append_settings_ack(output_);
}

bool Http2Session::take_setting(SettingId id, std::uint32_t value) {
  switch (id) {
    case SettingId::kEnablePush:
      if (value > 1) fail(Http2Error::kProtocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1");
      break;
    case SettingId::kInitialWindowSize:
      if (value > kMaxWindow) {
        fail(Http2Error::kFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is larger than 2^31 - 1");
        break;
      }
      if (spend_control(streams_.size() / kStreamsPerControlFrame)) change_initial_window(value);
      break;
    case SettingId::kMaxFrameSize:
      if (value < kMaxFramePayload || value > 0xff'ffff) {
        fail(Http2Error::kProtocol, "SETTINGS_MAX_FRAME_SIZE is not 16,384 to 16,777,215");
      }
      break;
    case SettingId::kHeaderTableSize:  // the server uses no table of the peer
    case SettingId::kMaxConcurrentStreams:
    case SettingId::kMaxHeaderListSize:
      break;
  }
  return !is_over_;
}

// [RFC 9113 6.9.2]
void Http2Session::change_initial_window(std::uint32_t value) {
  const std::int64_t change = std::int64_t{value} - stream_send_window_;
  for (Http2Stream& stream : streams_) {
    const std::int64_t window = stream.send_window + change;
    if (window > kMaxWindow) return fail(Http2Error::kFlowControl, "a window grows beyond 2^31 - 1 bytes");
    stream.send_window = static_cast<std::int32_t>(window);
  }
  stream_send_window_ = value;
  if (change > 0) listener_.on_room();
}

void Http2Session::take_ping(const FrameReader::Piece& piece) {
  if (piece.head.stream != 0) return fail(Http2Error::kProtocol, "PING on a stream");
  if (piece.payload.size() != 8) return fail(Http2Error::kFrameSize, "PING of a size other than 8 bytes");
  if (!spend_control() || piece.head.has(frame_flag::kAck)) return;
  append_ping(piece.payload, true, output_);
}

// The peer will open no more streams.
void Http2Session::take_go_away(const FrameReader::Piece& piece) {
  if (piece.head.stream != 0) return fail(Http2Error::kProtocol, "GOAWAY on a stream");
  if (piece.payload.size() < 8) return fail(Http2Error::kFrameSize, "GOAWAY of less than 8 bytes");
  spend_control();
  is_going_away_ = true;
}

// [RFC 9113 6.9]
void Http2Session::take_window_update(const FrameReader::Piece& piece) {
  if (piece.payload.size() != 4) return fail(Http2Error::kFrameSize, "WINDOW_UPDATE of a size other than 4 bytes");
  if (piece.head.stream > last_stream_) return fail(Http2Error::kProtocol, "WINDOW_UPDATE of an idle stream");
  if (!spend_control()) return;
  const std::uint32_t bytes = read_32(piece.payload) & 0x7fff'ffff;
  if (piece.head.stream == 0) return widen_connection(bytes);
  if (Http2Stream* const stream = find(piece.head.stream)) widen(*stream, bytes);
}

void Http2Session::widen(Http2Stream& stream, std::uint32_t bytes) {
  if (bytes == 0) return break_stream(stream, Http2Error::kProtocol);
  const std::int64_t window = std::int64_t{stream.send_window} + bytes;
  if (window > kMaxWindow) return break_stream(stream, Http2Error::kFlowControl);
  stream.send_window = static_cast<std::int32_t>(window);
  listener_.on_room(stream);
}

void Http2Session::widen_connection(std::uint32_t bytes) {
  if (bytes == 0) return fail(Http2Error::kProtocol, "WINDOW_UPDATE with an increment of 0");
  if (send_window_ + bytes > kMaxWindow) return fail(Http2Error::kFlowControl, "the connection's window is too large");
  send_window_ += bytes;
  widest_ = std::max(widest_, send_window_);
  listener_.on_room();
}

}  // namespace millrace
