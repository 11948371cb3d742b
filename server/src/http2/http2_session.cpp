#include "http2_session.h"

#include <algorithm>
#include <utility>

#include "frame_writer.h"

namespace millrace {

namespace {

// Sets the dynamic table's size to 0: sent once, first, whatever the peer allows. [RFC 7541 4.2]
constexpr char kTableIsEmpty = '\x20';

// Streams that the server has ended before the peer, for which frames may still arrive.
constexpr std::size_t kRememberedResets = 256;

// Bytes of a DATA frame that earns the peer control frames although it has used up a window.
constexpr std::size_t kLeastFullFrame = 16;

// Ranges of skipped stream numbers; the oldest is forgotten, and then its numbers count as those of streams that are
// over.
constexpr std::size_t kRememberedSkips = 16;

}  // namespace

Http2Session::Http2Session(Listener& listener, SharedDecoder& shared, Bounds bounds)
    : listener_(listener), shared_(shared), bounds_(bounds) {
  const std::pair<SettingId, std::uint32_t> settings[] = {
      {SettingId::kHeaderTableSize, 0},
      {SettingId::kMaxConcurrentStreams, static_cast<std::uint32_t>(bounds.streams)},
      {SettingId::kInitialWindowSize, static_cast<std::uint32_t>(kHttp2StreamWindowBytes)},
      {SettingId::kMaxHeaderListSize, static_cast<std::uint32_t>(bounds.head_bytes)}};
  append_settings(settings, output_);
  append_window_update(0, static_cast<std::uint32_t>(kHttp2ConnectionWindowBytes - kInitialWindow), output_);
}

bool Http2Session::receive(std::string_view bytes, TimePoint now) {
  now_ = now;
  if (is_over_ || !take_preface(bytes)) return !is_over_;
  while (!is_over_) {
    const FrameReader::Read read = reader_.next(bytes);
    if (read == FrameReader::Read::kMore) break;
    if (read == FrameReader::Read::kTooLarge) {
      fail(Http2Error::kFrameSize, "a frame is larger than 16,384 bytes");
      break;
    }
    take_frame(reader_.piece());
  }
  reader_.let_go();
  return !is_over_;
}

// Returns false until the preface is complete.
bool Http2Session::take_preface(std::string_view& bytes) {
  const std::string_view expected = kHttp2Preface.substr(preface_bytes_);
  if (expected.empty()) return true;
  const std::string_view part = bytes.substr(0, expected.size());
  bytes.remove_prefix(part.size());
  preface_bytes_ = static_cast<std::uint8_t>(preface_bytes_ + part.size());
  if (!expected.starts_with(part)) fail(Http2Error::kProtocol, "the connection does not begin with HTTP/2's preface");
  return !is_over_ && part.size() == expected.size();
}

void Http2Session::fail(Http2Error error, std::string_view sentence) {
  if (std::exchange(is_over_, true)) return;
  error_ = error;
  error_sentence_ = sentence;
  append_go_away(last_stream_, error, sentence, output_);
}

void Http2Session::go_away(std::string_view sentence) {
  if (is_over_ || std::exchange(is_going_away_, true)) return;
  append_go_away(last_stream_, Http2Error::kNone, sentence, output_);
}

void Http2Session::ping() {
  if (is_over_) return;
  append_ping(std::string_view("\0\0\0\0\0\0\0\0", 8), false, output_);
  control_.add(1);
}

// --- Streams --------------------------------------------------------------------------------------------------------

Http2Stream* Http2Session::find(std::uint32_t id) {
  const auto found =
      std::lower_bound(streams_.begin(), streams_.end(), id,
                       [](const Http2Stream& stream, std::uint32_t number) { return stream.id < number; });
  return found != streams_.end() && found->id == id ? &*found : nullptr;
}

void Http2Session::respond(Http2Stream& stream, std::string_view block, bool ends) {
  if (is_over_) return;
  if (std::exchange(has_sent_fields_, true)) {
    append_headers(stream.id, block, ends, output_);
  } else {
    append_headers(stream.id, kTableIsEmpty + std::string(block), ends, output_);
  }
  control_.add(kHttp2ControlFramesEarned);
  if (ends) end(stream);
}

// A stream with many bytes in flight cannot use the last eighth of the connection's window, so that a stalled reader
// does not block other streams.
std::size_t Http2Session::room(const Http2Stream& stream) const {
  if (!has_room()) return 0;
  const std::int64_t on_its_way = stream_send_window_ - stream.send_window;
  if (on_its_way >= kHttp2StreamInFlightBytes && send_window_ < widest_ / 8) return 0;
  const std::int64_t window = std::min<std::int64_t>(stream.send_window, send_window_);
  if (window <= 0) return 0;
  return std::min(static_cast<std::size_t>(window), kHttp2GatherBytes - output_.size());
}

std::size_t Http2Session::send(Http2Stream& stream, std::span<const std::string_view> pieces, bool ends) {
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  const std::size_t taken = std::min(total, room(stream));
  const bool is_end = ends && taken == total && !is_over_;
  std::size_t left = taken;
  std::size_t begin = 0;  // offset in the first piece
  auto piece = pieces.begin();
  while (left > 0 || (is_end && total == 0)) {
    const std::size_t frame = std::min(left, kMaxFramePayload);
    std::size_t payload = frame;
    left -= payload;
    stream.send_window -= static_cast<std::int32_t>(frame);
    send_window_ -= static_cast<std::int64_t>(frame);
    const bool is_last = is_end && left == 0;
    append_frame_head({.length = static_cast<std::uint32_t>(payload),
                       .type = FrameType::kData,
                       .flags = is_last ? frame_flag::kEndStream : std::uint8_t{0},
                       .stream = stream.id},
                      output_);
    while (payload > 0) {
      const std::string_view part = piece->substr(begin, payload);
      output_.append(part);
      payload -= part.size();
      begin += part.size();
      if (begin == piece->size()) {
        ++piece;
        begin = 0;
      }
    }
    earn_for_data(frame, stream.send_window);
    if (total == 0) break;
  }
  if (is_end) end(stream);
  return taken;
}

void Http2Session::consume(Http2Stream& stream, std::size_t bytes) {
  stream.consumed = static_cast<std::uint16_t>(stream.consumed + bytes);
  credit(bytes);
  if (stream.is_remote_over || is_over_ || stream.consumed < kHttp2StreamWindowBytes / 2) return;
  append_window_update(stream.id, stream.consumed, output_);
  stream.received = static_cast<std::uint16_t>(stream.received - stream.consumed);
  stream.consumed = 0;
}

// Gives credit for the connection's window.
void Http2Session::credit(std::size_t bytes) {
  consumed_ += bytes;
  if (consumed_ < kHttp2ConnectionWindowBytes / 2 || is_over_) return;
  append_window_update(0, static_cast<std::uint32_t>(consumed_), output_);
  received_ -= std::exchange(consumed_, 0);
}

void Http2Session::reset(Http2Stream& stream, Http2Error error) {
  if (!is_over_) append_reset(stream.id, error, output_);
  if (!stream.is_remote_over) remember_reset(stream.id);
  erase(stream);
}

// The response is complete. Resets the stream if the peer still sends, because nothing reads it. [RFC 9113 8.1]
void Http2Session::end(Http2Stream& stream) {
  if (!stream.is_remote_over) return reset(stream, Http2Error::kNone);
  erase(stream);
}

void Http2Session::erase(Http2Stream& stream) {
  credit(static_cast<std::size_t>(stream.received - stream.consumed));
  if (!stream.is_remote_over) std::erase_if(bodies_, [&](const Body& body) { return body.stream == stream.id; });
  streams_.erase(streams_.begin() + (&stream - streams_.data()));
  if (streams_.empty()) std::vector<Http2Stream>().swap(streams_);
}

void Http2Session::remember_reset(std::uint32_t id) {
  if (reset_.size() == kRememberedResets) reset_.erase(reset_.begin());
  reset_.push_back(id);
}

bool Http2Session::was_reset(std::uint32_t id) const {
  return std::find(reset_.begin(), reset_.end(), id) != reset_.end();
}

// A stream closes those with lower numbers that were never opened. [RFC 9113 5.1.1]
void Http2Session::remember_skipped(std::uint32_t next) {
  const std::uint32_t expected = last_stream_ == 0 ? 1 : last_stream_ + 2;
  if (next <= expected) return;
  if (skipped_.size() == kRememberedSkips) skipped_.erase(skipped_.begin());
  skipped_.push_back({.first = expected, .last = next - 2});
}

bool Http2Session::was_skipped(std::uint32_t id) const {
  return std::any_of(skipped_.begin(), skipped_.end(),
                     [id](const Skipped& range) { return range.first <= id && id <= range.last; });
}

// --- Bounds ---------------------------------------------------------------------------------------------------------

// A small frame that has used up a window pays for nothing: a client that widens its windows byte by byte makes the
// server send such frames, and could go on for ever.
void Http2Session::earn_for_data(std::size_t bytes, std::int64_t stream_window) {
  const bool is_window_used_up = stream_window <= 0 || send_window_ <= 0;
  if (!is_window_used_up || bytes >= kLeastFullFrame) control_.add(kHttp2ControlFramesEarned);
}

// Counts frames without content; returns false if they have ended the connection.
bool Http2Session::spend_control(std::size_t cost) {
  if (control_.spend(cost, now_)) return true;
  fail(Http2Error::kEnhanceYourCalm, "too many frames that carry nothing");
  return false;
}

bool Http2Session::spend_reset() {
  if (resets_.spend(1, now_)) return true;
  fail(Http2Error::kEnhanceYourCalm, "too many streams were reset");
  return false;
}

// Resets a stream on which the peer has broken the protocol.
void Http2Session::break_stream(Http2Stream& stream, Http2Error error) {
  if (!spend_reset()) return;
  const std::uint32_t id = stream.id;
  listener_.on_reset(stream);
  if (Http2Stream* const left = find(id)) reset(*left, error);
}

// Resets a stream that has not begun.
void Http2Session::refuse_stream(std::uint32_t id, Http2Error error) {
  if (!spend_reset()) return;
  append_reset(id, error, output_);
  remember_reset(id);
}

}  // namespace millrace
