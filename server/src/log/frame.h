// Frame: an event's bytes on the wire, encoded once and shared by all receivers.
//
// They are an HTTP/1.1 chunk. HTTP/1.0 and HTTP/2 clients get only its payload; clients that accept gzip get the
// compressed payload. A frame has further forms, each made once at its first use: with a `topic` field, with the fields
// of its event's trace, and with data that names the topic.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gzip_block.h"
#include "millrace/core/event.h"
#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/limits.h"

namespace millrace {

/// The framing of a frame's bytes.
enum class WireCoding : std::uint8_t {
  kPayload,      ///< HTTP/1.0 and HTTP/2
  kChunk,        ///< HTTP/1.1
  kGzipPayload,  ///< HTTP/2 with Content-Encoding: gzip
  kGzipChunk,    ///< HTTP/1.1 with it
};

/// The form of frames that a client gets.
struct WireForm {
  WireCoding coding = WireCoding::kChunk;
  // In one byte: each subscriber has a form.
  bool topic : 1 = false;     ///< events have a `topic` field
  bool envelope : 1 = false;  ///< their data is JSON that names the topic
  bool trace : 1 = false;     ///< those with a trace have its fields, and its members in an envelope

  friend bool operator==(const WireForm&, const WireForm&) = default;
};

constexpr bool is_chunked(WireForm form) {
  return form.coding == WireCoding::kChunk || form.coding == WireCoding::kGzipChunk;
}
constexpr bool is_gzip(WireForm form) {
  return form.coding == WireCoding::kGzipPayload || form.coding == WireCoding::kGzipChunk;
}

class TopicMatcher;

struct Frame {
  Frame() = default;
  ~Frame();
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  std::uint64_t sequence = 0;  ///< of its event; in a frame without an event, the client's position after the frame
  std::optional<OwnedTopic> topic;                                ///< nothing if the frame carries no event of the log
  std::unique_ptr<const std::vector<OwnedTopic>> further_topics;  ///< null if it has one topic
  std::string publisher_id;                                       ///< empty if the log gave the event its ID
  std::string publisher;           ///< publisher_key() of this publisher; empty without such an ID
  bool is_mark = false;            ///< a mark: carries no event, and no subscriber gets it
  bool finishes_topic = false;     ///< a mark that finishes its topic
  bool is_retained = false;        ///< stays beyond the log's bounds while it is its topic's newest event
  std::uint8_t payload_begin = 0;  ///< after the size line
  std::uint32_t payload_bytes = 0;
  TimePoint published{};  ///< when it was appended to the log
  std::string bytes;      ///< size line, payload, CRLF [RFC 9112 7.1]; then the trace

  std::string_view chunk() const { return std::string_view(bytes).substr(0, chunk_bytes()); }
  std::string_view payload() const { return std::string_view(bytes).substr(payload_begin, payload_bytes); }
  /// The payload as a part of a gzip stream. The first caller compresses it, on any thread.
  const GzipBlock& gzip() const;
  std::string_view wire(WireForm form) const { return in(form).coded(form.coding); }
  /// This frame in the given form: itself, or a frame that the first caller makes, on any thread. Valid as long as this
  /// frame. A frame without an event of the log has only one form.
  const Frame& in(WireForm form) const;

  /// The event's trace; empty if it has none.
  TraceContext trace() const;
  /// Its fields, each with its line end.
  std::string_view trace_fields() const {
    return bytes.size() > chunk_bytes() ? std::string_view(bytes).substr(chunk_bytes()) : std::string_view();
  }
  std::string_view topic_text() const { return topic ? topic->view() : std::string_view(); }
  /// Of a frame with an event of the log.
  std::size_t topic_count() const { return further_topics == nullptr ? 1 : 1 + further_topics->size(); }
  const OwnedTopic& topic_at(std::size_t index) const { return index == 0 ? *topic : (*further_topics)[index - 1]; }

  /// Sets gzip()'s result in advance, before another thread has the frame.
  void set_gzip(GzipBlock block) { gzip_ = std::make_unique<const GzipBlock>(std::move(block)); }

 private:
  friend class PinnedBytes;
  mutable std::atomic<std::uint32_t> pins_ = 0;  // used by PinnedBytes
  // What a form adds to the payload, as bits.
  using Additions = std::uint8_t;
  std::size_t chunk_bytes() const { return std::size_t{payload_begin} + payload_bytes + 2; }
  std::string_view coded(WireCoding coding) const;
  Additions additions_of(WireForm form) const;
  std::string payload_with(Additions additions) const;

  mutable std::once_flag gzip_once_;
  mutable std::unique_ptr<const GzipBlock> gzip_;
  // The forms are a list, which begins at the frame itself. Each owns the next one.
  mutable std::atomic<const Frame*> next_form_ = nullptr;
  Additions additions_ = 0;  // those of this form
};

using FramePtr = std::shared_ptr<const Frame>;

// Events of one topic, which are most, pay nothing for those of several.
static_assert(sizeof(void*) != 8 || sizeof(std::once_flag) != 4 || sizeof(Frame) <= 200);

/// Some of a frame's topics: bit i stands for topic_at(i).
using TopicSet = std::uint32_t;
static_assert(kMaxTopicsPerEvent <= std::numeric_limits<TopicSet>::digits);

/// The event as an event of these topics alone, of which there must be one: the frame itself if it has no others.
/// Otherwise a copy, which no log holds.
FramePtr of_topics(FramePtr frame, TopicSet topics);

/// The event with those of its topics that match, of which there must be one; the frame itself if all do.
FramePtr as_reached_by(FramePtr frame, TopicMatcher& matcher);

/// Appends `payload` to `out` as a chunk; returns the payload's position in `out`.
std::size_t append_chunk(std::string_view payload, std::string& out);

/// Turns `out` from `begin` on into a chunk.
void wrap_chunk(std::string& out, std::size_t begin);

/// The chunk that ends a body. [RFC 9112 7.1]
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// Makes `payload` the frame's bytes. `trace`: see Frame::trace_fields().
void set_payload(Frame& frame, std::string_view payload, std::string_view trace = {});

/// The same from an event as a log keeps it: the fields of its trace come first. Drops a trace that is invalid.
void set_event(Frame& frame, std::string_view event);

}  // namespace millrace
