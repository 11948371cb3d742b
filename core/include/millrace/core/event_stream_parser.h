// EventStreamParser: reads the bytes of an event stream and returns events. [WHATWG 9.2.5 and 9.2.6]
//
// A parser belongs to one event source and outlives its connections, as the last event ID does. It does no I/O. One
// thread at a time may use it. Chunks may be split anywhere, down to single bytes. The time is linear in the bytes; the
// data of an event that lies whole inside one chunk is not copied.
//
//   parser.feed(chunk);
//   for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next())
//     if (item == EventStreamParser::Item::kEvent) use(parser.event());
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/core/byte_buffer.h"
#include "millrace/core/event.h"
#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

/// The parser of one event source, over all its connections.
class EventStreamParser {
 public:
  /// What next() has found.
  enum class Item : std::uint8_t {
    kNeedMore,  ///< the chunk has been read: feed the next one
    kEvent,     ///< dispatch event()
    kComment,   ///< comment() was read
    kRetry,     ///< reconnection_time() was set
    kTooLarge,  ///< a line or an event is larger than the limit; returned again until reset()
  };

  /// Starts with `last_event_id` as if an earlier stream had set it; see set_last_event_id(). `max_event_bytes` bounds
  /// a line and the data of one event, and so the memory.
  explicit EventStreamParser(std::string_view last_event_id = {}, std::size_t max_event_bytes = kMaxEventBytes);

  /// Begins a new stream: drops incomplete input, and accepts a BOM again. The last event ID string stays.
  void reset();

  /// Takes the next bytes, after next() has returned kNeedMore for the previous ones. They must stay valid until it
  /// returns kNeedMore again.
  void feed(std::string_view chunk);

  /// Reads on to the next item. Its views are valid until the next call of a non-const member.
  Item next();

  /// The event of kEvent.
  const MessageEvent& event() const { return event_; }
  /// The comment of kComment, without its colon and one space after it.
  std::string_view comment() const { return comment_; }
  /// The last `retry` that was read, cut to kMaxReconnectionTime; before: kDefaultReconnectionTime.
  Duration reconnection_time() const { return reconnection_time_; }

  /// The last event ID string, which a reconnection sends. An `id` takes effect at the end of its block.
  std::string_view last_event_id() const { return last_event_id_.view(); }

  /// How often it has been set, since the constructor: a cheap way to see whether it has changed.
  std::uint32_t last_event_id_changes() const { return last_event_id_changes_; }

  /// Sets the last event ID string from outside, for example if a browser's own EventSource has parsed the stream.
  /// Ignores an ID with CR, LF or NUL: no server can have sent it.
  void set_last_event_id(std::string_view id);

 private:
  Item take_byte_of_data();
  Item read_lines();
  void skip_byte_order_mark();
  Item end_line(std::string_view rest);
  void keep_partial_line();
  Item append_to_line(std::string_view text);
  Item process_line(std::string_view line, bool in_chunk);
  Item process_field(std::string_view name, std::string_view value, bool in_chunk);
  void keep_field(std::string_view name, std::string_view value);
  Item append_data(std::string_view value, bool in_chunk);
  Item append_line_of_data(std::string_view value, bool in_chunk);
  Item dispatch();
  void forget_block();
  void forget_fields();
  TraceContext trace() const;
  void own_data();

  // The chunk being read: [position_, chunk_end_).
  const char* position_ = nullptr;
  const char* chunk_end_ = nullptr;
  bool chunk_is_ascii_ = false;  // checked once for all events of the chunk

  std::size_t max_event_bytes_;

  // A line that comes in pieces. The value of a `data` line goes straight into the data buffer instead.
  ByteBuffer partial_line_;
  bool line_is_data_ = false;
  std::size_t data_limit_ = 0;  // of the data buffer, while such a line comes in: it bounds the line, too
  ByteBuffer line_;             // a partial line once it is whole

  bool skip_line_feed_ = false;       // the last byte was a CR: an LF right after it belongs to it
  std::uint8_t byte_order_mark_ = 0;  // bytes of it seen so far, or kByteOrderMarkDone

  // The standard's buffers. The data buffer is data_in_chunk_ as long as it is one line that lies in the chunk.
  ByteBuffer data_buffer_;
  std::string_view data_in_chunk_;
  std::size_t data_lines_ = 0;
  bool data_is_ascii_ = false;  // the data buffer is known to be ASCII
  // The event type buffer, and the same for Millrace's own fields, which the standard has a parser ignore.
  enum Field : std::size_t { kEventType, kTopics, kTraceParent, kTraceState, kFields };
  ByteBuffer fields_[kFields];
  // The last event ID buffer is the same as the string until this block has an `id`.
  ByteBuffer last_event_id_buffer_;
  bool last_event_id_changed_ = false;

  ByteBuffer last_event_id_;
  std::uint32_t last_event_id_changes_ = 1;
  ByteBuffer decoded_;  // text that was not valid UTF-8, after replacement

  MessageEvent event_;
  std::string_view comment_;
  Duration reconnection_time_{kDefaultReconnectionTime};
  bool dispatched_ = false;  // event_ was returned: its buffers can be cleared
  bool too_large_ = false;
};

}  // namespace millrace
