// The core's C interface, which core.ts calls. exports.txt lists what the module exports; it imports nothing.
//
// JavaScript drives: each call hands one input to a source or a parser and gets back the batch of everything that input
// led to, as records and one run of text, which a single TextDecoder call turns into a string to be sliced. Nothing
// here calls out. Input bytes go through input(), which every object of the module shares, as they share the batch:
// both are free again when the caller has decoded the batch. Times are milliseconds in doubles; a 64-bit integer never
// crosses.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_source_state.h"
#include "millrace/core/event_stream_parser.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/core/protocol.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace millrace {

namespace {

enum class Kind : std::uint32_t {
  kConnect,
  kOpen,
  kEvent,
  kReconnect,
  kFail,
  kLastEventId,
  kComment,
  kRetry,
  kTooLarge,
  kUnwritable
};

// The texts of a record follow one another in the batch's text, in this order. Which fields a kind uses is at the
// functions that add it.
struct Record {
  Kind kind;
  std::uint32_t type;
  std::uint32_t data;
  std::uint32_t last_event_id;
};

constexpr std::uint32_t kUnchanged = 0xffff'ffff;

struct Batch {
  std::uint32_t count;
  const Record* records;
  const char* text;
  std::uint32_t text_bytes;
};

std::string input_buffer;
std::vector<Record> records;
std::string text;
Batch batch;

std::uint32_t add_text(std::string_view value) {
  text.append(value);
  return static_cast<std::uint32_t>(value.size());
}

void add(Kind kind, std::uint32_t type = 0, std::uint32_t data = 0, std::uint32_t last_event_id = 0) {
  records.push_back({kind, type, data, last_event_id});
}

void begin_batch() {
  records.clear();
  text.clear();
}

/// Null if there is nothing in it.
const Batch* end_batch() {
  if (records.empty() && text.empty()) return nullptr;
  batch = {static_cast<std::uint32_t>(records.size()), records.data(), text.data(),
           static_cast<std::uint32_t>(text.size())};
  return &batch;
}

std::string_view input_text(std::uint32_t bytes) {
  return {input_buffer.data(), bytes};
}

TimePoint time_point(double milliseconds) {
  return TimePoint(Duration(static_cast<Duration::rep>(milliseconds)));
}

// Every byte but continuations begins a unit, and those that begin what lies beyond the basic plane begin two.
std::uint32_t utf16_units(const char* begin, const char* end) {
  std::uint32_t count = 0;
#if defined(__wasm_simd128__)
  for (; end - begin >= 16; begin += 16) {
    const v128_t bytes = wasm_v128_load(begin);
    count += __builtin_popcount(wasm_i8x16_bitmask(wasm_i8x16_gt(bytes, wasm_i8x16_splat(-65)))) +
             __builtin_popcount(wasm_i8x16_bitmask(wasm_u8x16_ge(bytes, wasm_u8x16_splat(0xf0))));
  }
#endif
  for (; begin != end; ++begin) {
    const auto byte = static_cast<unsigned char>(*begin);
    count += (byte & 0xc0) != 0x80;
    count += byte >= 0xf0;
  }
  return count;
}

// What JavaScript has been told of a stream, so that it is told only what changes.
class Known {
 public:
  explicit Known(std::string_view id) : id_(id) {}

  // The lengths of its type (0: `message`), its data and its last event ID (of both kUnchanged: as before).
  void add_event(const MessageEvent& event) {
    const std::uint32_t type = add_if_changed(type_, event.type == protocol::kDefaultEventType ? "" : event.type);
    const std::uint32_t data = add_text(event.data);
    add(Kind::kEvent, type, data, add_if_changed(id_, event.last_event_id));
  }

  /// For blocks without data, which change the ID but dispatch nothing.
  void add_last_event_id(std::string_view id) {
    const std::uint32_t bytes = add_if_changed(id_, id);
    if (bytes != kUnchanged) add(Kind::kLastEventId, 0, 0, bytes);
  }

 private:
  static std::uint32_t add_if_changed(std::string& known, std::string_view value) {
    // IDs mostly differ in their last byte, which is looked at first.
    if (value.size() == known.size() && (value.empty() || (value.back() == known.back() && value == known))) {
      return kUnchanged;
    }
    known.assign(value);
    return add_text(value);
  }

  std::string type_;
  std::string id_;
};

}  // namespace

struct Source {
  EventSourceState state;
  Known known;

  Source(const EventSourceState::Policy& policy, std::string_view last_event_id, std::uint64_t seed)
      : state(policy, last_event_id, seed), known(last_event_id) {}

  const Batch* poll(TimePoint now) {
    using Output = EventSourceState::Output;
    begin_batch();
    for (auto output = state.poll(now); output != Output::kNothing; output = state.poll(now)) add_output(output, now);
    known.add_last_event_id(state.last_event_id());
    return end_batch();
  }

 private:
  void add_output(EventSourceState::Output output, TimePoint now) {
    using Output = EventSourceState::Output;
    switch (output) {
      case Output::kConnect:
        return add(Kind::kConnect, state.is_polling());  // in place of a length
      case Output::kOpen:
        return add(Kind::kOpen);
      case Output::kEvent:
        return known.add_event(state.event());
      case Output::kReconnect:
        return add_lost(Kind::kReconnect, static_cast<std::uint32_t>((*state.poll_timeout() - now).count()));
      case Output::kFail:
        return add_lost(Kind::kFail, 0);
      case Output::kComment:
        return add(Kind::kComment, 0, add_text(state.comment()));
      case Output::kNothing:
        return;
    }
  }

  // In place of lengths: the reason, the status and the wait in milliseconds.
  void add_lost(Kind kind, std::uint32_t wait) {
    add(kind, static_cast<std::uint32_t>(state.reason()), static_cast<std::uint32_t>(state.status()), wait);
  }
};

struct Parser {
  EventStreamParser parser;
  Known known;

  explicit Parser(std::string_view last_event_id) : parser(last_event_id), known(last_event_id) {}
};

}  // namespace millrace

using millrace::Batch;
using millrace::input_text;
using millrace::Parser;
using millrace::Source;
using millrace::time_point;

extern "C" {

/// Where to put the next `bytes` of input.
char* input(std::uint32_t bytes) {
  if (millrace::input_buffer.size() < bytes) millrace::input_buffer.resize(bytes);
  return millrace::input_buffer.data();
}

// --- Sources: text and bytes are put into input() where their length is taken --------------------------------------

/// Where a number of the policy is 0, the default holds; of the flags, 1 is retry_on_server_error, 2 polling and
/// 4 drop_replays. Times are in milliseconds.
Source* source_new(std::uint32_t last_event_id_bytes, double seed, std::uint32_t jitter_percent, int base, int max,
                   std::uint32_t attempts, int idle_timeout, int first_byte_timeout, std::uint32_t max_event_bytes,
                   std::uint32_t flags) {
  millrace::EventSourceState::Policy policy;
  policy.backoff.jitter_percent = jitter_percent;
  if (base > 0) policy.backoff.reconnection_time = millrace::Duration(base);
  if (max > 0) policy.backoff.max = millrace::Duration(max);
  policy.max_attempts = attempts;
  policy.idle_timeout = millrace::Duration(idle_timeout);
  policy.first_byte_timeout = millrace::Duration(first_byte_timeout);
  if (max_event_bytes > 0) policy.max_event_bytes = max_event_bytes;
  policy.retry_on_server_error = (flags & 1) != 0;
  policy.polling = (flags & 2) != 0;
  policy.drop_replays = (flags & 4) != 0;
  return new Source(policy, input_text(last_event_id_bytes), static_cast<std::uint64_t>(seed));
}

void source_delete(Source* source) {
  delete source;
}

const Batch* source_start(Source* source, double now) {
  source->state.start();
  return source->poll(time_point(now));
}

/// `retry_after` in milliseconds; `verdict` is what the owner says of the status: 0 nothing, 1 worth another attempt,
/// 2 not worth one, 3 mended.
const Batch* source_response(Source* source, double now, int status, std::uint32_t content_type_bytes, int retry_after,
                             std::uint32_t verdict) {
  millrace::EventSourceState::Response response{.status = status, .content_type = input_text(content_type_bytes)};
  response.retry_after = millrace::Duration(retry_after);
  if (verdict == 1 || verdict == 2) response.retry = verdict == 1;
  response.mended = verdict == 3;
  source->state.handle_response(response, time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_bytes(Source* source, double now, std::uint32_t bytes) {
  source->state.handle_bytes(input_text(bytes), time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_message(Source* source, double now, std::uint32_t last_event_id_bytes) {
  source->state.handle_message(input_text(last_event_id_bytes), time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_end(Source* source, double now) {
  source->state.handle_end(time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_network_error(Source* source, double now) {
  source->state.handle_network_error(time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_futile_error(Source* source, double now) {
  source->state.handle_futile_error();
  return source->poll(time_point(now));
}

const Batch* source_timeout(Source* source, double now) {
  source->state.handle_timeout(time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_online(Source* source, double now) {
  source->state.handle_online(time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_suspend(Source* source, double now) {
  source->state.handle_suspend(time_point(now));
  return source->poll(time_point(now));
}

const Batch* source_resume(Source* source, double now) {
  source->state.handle_resume();
  return source->poll(time_point(now));
}

/// When source_timeout() wants to be called; negative if never.
double source_next_timeout(const Source* source) {
  const auto timeout = source->state.poll_timeout();
  return timeout ? static_cast<double>(timeout->time_since_epoch().count()) : -1;
}

// --- Parsers ------------------------------------------------------------------------------------------------------

Parser* parser_new(std::uint32_t last_event_id_bytes) {
  return new Parser(input_text(last_event_id_bytes));
}

void parser_delete(Parser* parser) {
  delete parser;
}

void parser_reset(Parser* parser) {
  parser->parser.reset();
}

const Batch* parser_feed(Parser* parser, std::uint32_t bytes) {
  using millrace::Kind;
  using Item = millrace::EventStreamParser::Item;
  millrace::begin_batch();
  auto& stream = parser->parser;
  stream.feed(input_text(bytes));
  for (auto item = stream.next(); item != Item::kNeedMore; item = stream.next()) {
    if (item == Item::kTooLarge) {
      millrace::add(Kind::kTooLarge);
      break;
    }
    if (item == Item::kEvent) parser->known.add_event(stream.event());
    if (item == Item::kComment) millrace::add(Kind::kComment, 0, millrace::add_text(stream.comment()));
    if (item == Item::kRetry) {
      millrace::add(Kind::kRetry, static_cast<std::uint32_t>(stream.reconnection_time().count()));
    }
  }
  parser->known.add_last_event_id(stream.last_event_id());
  return millrace::end_batch();
}

// --- Writing: the batch's text is the block, or there is a record for the field that cannot be written ------------

/// The input is the event's type, its ID and its data, one after the other. A negative `retry` is none.
const Batch* encode_event(std::uint32_t type_bytes, std::uint32_t id_bytes, std::uint32_t data_bytes, double retry) {
  using millrace::EventId;
  using millrace::EventType;
  using millrace::Kind;
  millrace::begin_batch();
  const auto all = input_text(type_bytes + id_bytes + data_bytes);
  const auto type = EventType::parse(all.substr(0, type_bytes));
  const auto id = EventId::parse(all.substr(type_bytes, id_bytes));
  if (!type || !id) {
    millrace::add(Kind::kUnwritable, !type ? 0 : 1);
    return millrace::end_batch();
  }
  millrace::Event event{.type = *type, .data = all.substr(type_bytes + id_bytes), .id = *id};
  if (retry >= 0) event.retry = millrace::Duration(static_cast<millrace::Duration::rep>(retry));
  millrace::EventStreamWriter(millrace::text).event(event);
  return millrace::end_batch();
}

const Batch* encode_comment(std::uint32_t bytes) {
  millrace::begin_batch();
  millrace::EventStreamWriter(millrace::text).comment(input_text(bytes));
  return millrace::end_batch();
}

// --- Batches ------------------------------------------------------------------------------------------------------

/// Turns the lengths of the last batch from bytes into UTF-16 units. Text that is all ASCII does not need it.
void batch_to_utf16() {
  using millrace::Kind;
  const char* at = millrace::text.data();
  const auto units = [&at](std::uint32_t& length) {
    if (length == millrace::kUnchanged) return;
    const char* const end = at + length;
    length = millrace::utf16_units(at, end);
    at = end;
  };
  for (auto& record : millrace::records) {
    const bool has_text =
        record.kind == Kind::kEvent || record.kind == Kind::kLastEventId || record.kind == Kind::kComment;
    if (!has_text) continue;
    units(record.type);
    units(record.data);
    units(record.last_event_id);
  }
}

}  // extern "C"
