// StreamDecoder: what a client makes of the bytes of an event stream's body, chunked or not, compressed or not.
#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_stream_parser.h"

namespace millrace::test {

/// A dispatched event.
struct Received {
  std::string type = "message";
  std::string data;
  std::string id;

  bool operator==(const Received&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Received& event) {
    return out << event.type << '|' << event.data.substr(0, 60) << '|' << event.id;
  }
};

class Gunzip;

class StreamDecoder {
 public:
  explicit StreamDecoder(bool chunked = true, bool gzip = false);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;

  /// Takes the body's next bytes, cut anywhere. Throws std::runtime_error if they are not well framed, or not well
  /// compressed, a trailer that is wrong or missing included.
  void feed(std::string_view bytes);

  /// Every event so far but those that are cursors.
  const std::vector<Received>& events() const { return events_; }
  /// Whole chunks so far, or pieces of a body without them.
  std::size_t chunks() const { return chunks_; }
  /// The last chunk has come.
  bool ended() const { return ended_; }
  std::string last_event_id() const { return std::string(parser_.last_event_id()); }
  Duration retry() const { return parser_.reconnection_time(); }
  std::size_t comments() const { return comments_; }
  /// Events so far that were cursors.
  std::size_t cursors() const { return cursors_; }
  /// The body so far, without its chunks.
  const std::string& text() const { return text_; }
  /// Bytes of a chunk that is not whole yet.
  std::size_t unfinished_bytes() const { return pending_.size(); }
  /// Forgets text and events, for streams too large to keep.
  void forget();

 private:
  void take(std::string_view body);

  bool chunked_;
  std::unique_ptr<Gunzip> gunzip_;  // null where nothing is compressed
  bool ended_ = false;
  std::size_t chunks_ = 0;
  std::size_t comments_ = 0;
  std::size_t cursors_ = 0;
  std::string pending_;
  std::string text_;
  EventStreamParser parser_;
  std::vector<Received> events_;
};

}  // namespace millrace::test
