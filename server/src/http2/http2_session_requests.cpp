// Http2Session: frames that carry requests: HEADERS, CONTINUATION and DATA.
#include <algorithm>
#include <utility>

#include "base/grow.h"
#include "http2_session.h"

namespace millrace {

// --- Field sections -------------------------------------------------------------------------------------------------

void Http2Session::take_headers(const FrameReader::Piece& piece) {
  const std::uint32_t id = piece.head.stream;
  if (id % 2 == 0) return fail(Http2Error::kProtocol, "HEADERS on a stream that is not a client's");
  std::string_view part = without_padding(piece);
  if (is_over_) return;
  if (piece.head.has(frame_flag::kHasPriority)) {
    if (part.size() < 5) return fail(Http2Error::kFrameSize, "HEADERS are too short for their priority");
    part.remove_prefix(5);
  }
  block_fields_ = Fields::kRequest;
  if (id <= last_stream_) {
    Http2Stream* const stream = find(id);
    if (stream == nullptr && was_skipped(id))
      return fail(Http2Error::kProtocol, "HEADERS on a stream whose number was skipped");
    if (stream == nullptr && !was_reset(id)) return fail(Http2Error::kStreamClosed, "HEADERS on a closed stream");
    block_fields_ = stream != nullptr ? Fields::kTrailers : Fields::kIgnored;
  }
  block_stream_ = id;
  block_frames_ = 0;
  block_ends_stream_ = piece.head.has(frame_flag::kEndStream);
  if (piece.head.has(frame_flag::kEndHeaders)) return end_block(part);
  add_to_block(part, false);
}

void Http2Session::take_continuation(const FrameReader::Piece& piece) {
  if (block_stream_ == 0) return fail(Http2Error::kProtocol, "CONTINUATION without HEADERS before it");
  add_to_block(piece.payload, piece.head.has(frame_flag::kEndHeaders));
}

void Http2Session::add_to_block(std::string_view part, bool is_last) {
  if (block_.size() + part.size() > kHttp2MaxFieldBlockBytes || ++block_frames_ > kHttp2MaxFieldBlockFrames) {
    return fail(Http2Error::kEnhanceYourCalm, "a field section is too large, or in too many frames");
  }
  block_.append(part);
  if (is_last) end_block(std::exchange(block_, {}));
}

void Http2Session::end_block(std::string_view block) {
  const std::uint32_t id = std::exchange(block_stream_, 0);
  RequestFields fields(
      block_fields_ == Fields::kRequest ? RequestFields::Section::kHead : RequestFields::Section::kTrailers,
      bounds_.head_bytes);
  if (!decode(block, fields)) return fail(Http2Error::kCompression, "a field section is not HPACK");
  switch (block_fields_) {
    case Fields::kRequest:
      return begin_request(id, fields);
    case Fields::kTrailers:
      if (Http2Stream* const stream = find(id)) end_with_trailers(*stream, fields);
      return;
    case Fields::kIgnored:
      spend_control();
      return;
  }
}

bool Http2Session::decode(std::string_view block, RequestFields& fields) {
  const auto add = [&fields](std::string_view name, std::string_view value) { fields.add(name, value); };
  if (table_ == HpackDecoder::Table::kNone) {
    if (shared_.decoder.decode(block, add)) return true;
    shared_.decoder = HpackDecoder(HpackDecoder::Table::kNone);
    return false;
  }
  if (decoder_ == nullptr) decoder_ = std::make_unique<HpackDecoder>(table_);
  const bool is_whole = decoder_->decode(block, add);
  if (table_ == HpackDecoder::Table::kShrinks) {
    table_ = HpackDecoder::Table::kNone;
    decoder_.reset();
  }
  return is_whole;
}

void Http2Session::begin_request(std::uint32_t id, RequestFields& fields) {
  remember_skipped(id);
  last_stream_ = id;
  const bool has_body = !block_ends_stream_;
  fields.finish(has_body);
  control_.add(kHttp2ControlFramesEarned);
  if (is_going_away_ || open() >= bounds_.streams) return refuse_stream(id, Http2Error::kRefusedStream);
  if (!fields.fault().empty()) return refuse_stream(id, Http2Error::kProtocol);
  Http2Stream& stream = begin_stream(id, has_body, fields.content_length());
  if (fields.is_too_large()) return listener_.on_too_large(stream, fields);
  listener_.on_request(id, fields, has_body);
}

Http2Stream& Http2Session::begin_stream(std::uint32_t id, bool has_body, std::optional<std::uint64_t> length) {
  make_room(streams_);
  streams_.push_back(
      {.id = id, .send_window = static_cast<std::int32_t>(stream_send_window_), .is_remote_over = !has_body});
  if (has_body && length) bodies_.push_back({.stream = id, .left = *length});
  return streams_.back();
}

// [RFC 9113 8.1]
void Http2Session::end_with_trailers(Http2Stream& stream, const RequestFields& fields) {
  if (stream.is_remote_over) return break_stream(stream, Http2Error::kStreamClosed);
  if (!block_ends_stream_ || !fields.fault().empty() || fields.is_too_large()) {
    return break_stream(stream, Http2Error::kProtocol);
  }
  take_body(stream, {}, 0, BodyEnd::kNow);
}

// --- Bodies ---------------------------------------------------------------------------------------------------------

void Http2Session::take_data(const FrameReader::Piece& piece) {
  const FrameHead& head = piece.head;
  if (head.stream == 0) return fail(Http2Error::kProtocol, "DATA without a stream");
  if (head.stream > last_stream_) return fail(Http2Error::kProtocol, "DATA on an idle stream");
  received_ += piece.payload.size();
  if (received_ > kHttp2ConnectionWindowBytes) {
    return fail(Http2Error::kFlowControl, "more DATA than the connection's window allows");
  }
  const std::string_view data = without_padding(piece);
  if (is_over_) return;
  Http2Stream* const stream = find(head.stream);
  const bool carries_data = !piece.is_first || data_left_ + data.size() > 0;
  const bool ends_stream = stream != nullptr && head.has(frame_flag::kEndStream);
  if (!carries_data && !ends_stream && !spend_control()) return;
  if (stream == nullptr) {
    credit(piece.payload.size());
    if (piece.is_first && !was_reset(head.stream)) fail(Http2Error::kStreamClosed, "DATA on a closed stream");
    return;
  }
  if (stream->is_remote_over || stream->received + piece.payload.size() > kHttp2StreamWindowBytes) {
    credit(piece.payload.size());
    return break_stream(*stream, stream->is_remote_over ? Http2Error::kStreamClosed : Http2Error::kFlowControl);
  }
  stream->received = static_cast<std::uint16_t>(stream->received + piece.payload.size());
  if (data.size() < piece.payload.size()) consume(*stream, piece.payload.size() - data.size());
  BodyEnd end = BodyEnd::kLater;
  if (head.has(frame_flag::kEndStream)) end = piece.is_last ? BodyEnd::kNow : BodyEnd::kInThisFrame;
  take_body(*stream, data, data_left_, end);
}

// Returns the data of a DATA frame's piece, or the part of the field section in a HEADERS frame.
std::string_view Http2Session::without_padding(const FrameReader::Piece& piece) {
  std::string_view payload = piece.payload;
  if (piece.is_first) {
    const bool is_padded = piece.head.has(frame_flag::kPadded);
    if (is_padded && payload.empty()) {
      fail(Http2Error::kFrameSize, "a padded frame without room for the padding's length");
      return {};
    }
    const std::uint32_t padding = is_padded ? byte_at(payload, 0) : 0;
    const std::uint32_t length = piece.head.length - (is_padded ? 1 : 0);
    if (padding > length) {
      fail(Http2Error::kProtocol, "a frame with more padding than payload");
      return {};
    }
    data_left_ = length - padding;
    if (is_padded) payload.remove_prefix(1);
  }
  payload = payload.substr(0, data_left_);
  data_left_ -= static_cast<std::uint32_t>(payload.size());
  return payload;
}

// Judges a frame by its length as soon as it begins, however the network cuts it. [RFC 9113 8.1.1]
void Http2Session::take_body(Http2Stream& stream, std::string_view data, std::size_t rest, BodyEnd end) {
  const bool is_last = end == BodyEnd::kNow;
  const auto body = std::lower_bound(bodies_.begin(), bodies_.end(), stream.id,
                                     [](const Body& one, std::uint32_t id) { return one.stream < id; });
  if (body != bodies_.end() && body->stream == stream.id) {
    const std::size_t framed = data.size() + rest;
    if (framed > body->left || (end != BodyEnd::kLater && framed < body->left)) {
      return break_stream(stream, Http2Error::kProtocol);
    }
    body->left -= data.size();
    if (is_last) bodies_.erase(body);
  }
  if (is_last) stream.is_remote_over = true;
  if (is_last || !data.empty()) listener_.on_body(stream, data, is_last);
}

}  // namespace millrace
