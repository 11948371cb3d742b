// The core's C interface, which core.ts calls. exports.txt lists the module's exports; it has no imports.
//
// JavaScript drives: each call passes one input to a source or a parser and returns the batch of all results, as
// records and one run of text. A single TextDecoder call, which also replaces invalid UTF-8 (utf8.cpp), turns that text
// into a string, which JavaScript slices. The module calls nothing outside. All objects of the module share input(),
// the buffer for input bytes, and the batch: both are free again when the caller has decoded the batch. Times are
// milliseconds in doubles; no 64-bit integer crosses the interface.

#include "abi.h"

#include <cstdint>
#include <new>
#include <string_view>

#include "millrace/core/byte_buffer.h"
#include "millrace/core/event_source_state.h"
#include "millrace/core/event_stream_parser.h"
#include "millrace/core/protocol.h"
#ifdef MILLRACE_UTF16
#include "utf16.h"
#endif

namespace millrace {

namespace {

// shared-values.ts repeats these defaults: choosing them here would make the module larger.
static_assert(kDefaultReconnectionTime.count() == 3000 && kMaxBackoff.count() == 60000 && kMaxEventBytes == 16777216);
// Two Flags have the numbers of these enums.
static_assert(static_cast<int>(EventSourceState::Reconnect::kIdempotent) == 1 &&
              static_cast<int>(EventSourceState::Reconnect::kAlways) == 2 &&
              static_cast<int>(EventSourceState::DropReplays::kOfLogs) == 1 &&
              static_cast<int>(EventSourceState::DropReplays::kAlways) == 2);

// The texts of a record follow each other in the batch's text, in this order; the record has their lengths. The
// functions that add a kind say which fields it uses.
struct Record {
  Kind kind;
  std::uint32_t type;
  std::uint32_t data;
  std::uint32_t last_event_id;
};

constexpr std::uint32_t kUnchanged = 0xffff'ffff;

struct Batch {
  std::uint32_t count;
  const char* records;
  const char* text;
  std::uint32_t text_bytes;  // with MILLRACE_UTF16, units of the text instead
#ifdef MILLRACE_UTF16
  std::uint32_t is_wide = 0;  // whether units are UTF-16, not bytes
#endif
};

// Initialized at compile time, so that the module needs no _initialize().
constinit ByteBuffer input_buffer;
constinit ByteBuffer records;
constinit ByteBuffer text;
Batch batch;
#ifdef MILLRACE_UTF16
constinit ByteBuffer wide_text;
bool is_wide = false;  // whether texts are UTF-16 from the start, because the batch's input is not all ASCII
#endif

// A CR, which no text contains, follows each text. It separates texts even if JavaScript does not count bytes, and an
// incomplete sequence at the end of a text cannot join the next text.
std::uint32_t add_text(std::string_view value) {
#ifdef MILLRACE_UTF16
  if (is_wide) return utf16::append_text(value, text);
#endif
  char* const at = text.room_for(value.size() + 1);
  value.copy(at, value.size());
  at[value.size()] = '\r';
  text.add_written(value.size() + 1);
  return static_cast<std::uint32_t>(value.size());
}

void add(Kind kind, std::uint32_t type = 0, std::uint32_t data = 0, std::uint32_t last_event_id = 0) {
  new (records.room_for(sizeof(Record))) Record{kind, type, data, last_event_id};
  records.add_written(sizeof(Record));
}

#ifdef MILLRACE_UTF16
// Converts a text to UTF-16, with its length in units. `from`: the rest of the batch's text.
void widen(std::uint32_t& length, std::string_view& from) {
  if (length == kUnchanged) return;
  const std::size_t bytes = length;
  length = utf16::append_text(from.substr(0, bytes), wide_text);
  from.remove_prefix(bytes + 1);
}

// Converts a batch of ASCII input that completes an event with other text.
void widen_batch() {
  wide_text.clear();
  std::string_view from = text.view();
  const auto count = records.size() / sizeof(Record);
  auto* const all = const_cast<Record*>(reinterpret_cast<const Record*>(records.view().data()));
  for (std::size_t i = 0; i < count; ++i) {
    Record& record = all[i];
    if (record.kind == Kind::kEvent) widen(record.type, from);
    if (record.kind == Kind::kEvent || record.kind == Kind::kComment) widen(record.data, from);
    if (record.kind == Kind::kEvent || record.kind == Kind::kId || record.kind == Kind::kField) {
      widen(record.last_event_id, from);
    }
  }
  text.swap(wide_text);
  is_wide = true;
}
#endif

// `input`: the input that may become a part of the batch's text.
void begin_batch([[maybe_unused]] std::string_view input) {
  records.clear();
  text.clear();
#ifdef MILLRACE_UTF16
  is_wide = !utf16::is_ascii(input);
#endif
}

/// Returns null for an empty batch.
const Batch* end_batch() {
  if (records.empty()) return nullptr;
  batch = {static_cast<std::uint32_t>(records.size() / sizeof(Record)), records.view().data(), text.view().data(),
           static_cast<std::uint32_t>(text.size())};
#ifdef MILLRACE_UTF16
  if (!is_wide && !utf16::is_ascii(text.view())) widen_batch();
  batch.text = text.view().data();
  batch.text_bytes = static_cast<std::uint32_t>(text.size()) >> (is_wide ? 1 : 0);
  batch.is_wide = is_wide;
#endif
  return &batch;
}

std::string_view input_text(std::uint32_t bytes) {
  return {input_buffer.view().data(), bytes};
}

TimePoint time_point(double milliseconds) {
  return TimePoint(Duration(static_cast<Duration::rep>(milliseconds)));
}

// What JavaScript already knows of a stream, so that records contain only changes. An ID that is set to the same value
// is repeated, because JavaScript detects that faster.
class Known {
 public:
  // Adds the lengths of the event's type (0: `message`; kUnchanged: as before), its data and its ID (kUnchanged: the
  // event has none). `id_changes`: how often the last event ID has been set. An ID that a block without data has set
  // comes first.
  void add_event(const MessageEvent& event, std::uint32_t id_changes) {
    if (!event.has_id) add_last_event_id(event.last_event_id, id_changes);
    const std::size_t known = fields_[0].size() | fields_[1].size();
    if ((known | event.topics.size() | event.trace.parent().size()) != 0) add_fields(event);  // most streams have none
    const std::uint32_t type = add_type(event.type.data() == protocol::kDefaultEventType.data() ? "" : event.type);
    const std::uint32_t data = add_text(event.data);
    add(Kind::kEvent, type, data, add_id(event.last_event_id, id_changes));
  }

  /// For blocks without data, which change the ID but dispatch nothing.
  void add_last_event_id(std::string_view id, std::uint32_t id_changes) {
    const std::uint32_t bytes = add_id(id, id_changes);
    if (bytes != kUnchanged) add(Kind::kId, 0, 0, bytes);
  }

 private:
  // Returns whether `value` is another than `known`, which it then is.
  [[gnu::noinline]] static bool update(ByteBuffer& known, std::string_view value) {
    if (value == known.view()) return false;
    known.assign(value);
    return true;
  }

  std::uint32_t add_type(std::string_view type) { return update(type_, type) ? add_text(type) : kUnchanged; }

  [[gnu::noinline]] void add_fields(const MessageEvent& event) {
    add_field(0, event.topics);
    add_field(1, event.trace.parent());
    add_field(2, event.trace.state());
  }

  void add_field(std::uint32_t field, std::string_view value) {
    if (update(fields_[field], value)) add(Kind::kField, field, 0, add_text(value));  // in place of a length
  }

  std::uint32_t add_id(std::string_view id, std::uint32_t changes) {
    if (changes == id_changes_) return kUnchanged;
    id_changes_ = changes;
    return add_text(id);
  }

  ByteBuffer type_;
  static constexpr std::uint32_t kFields = 3;
  ByteBuffer fields_[kFields];
  std::uint32_t id_changes_ = 0;
};

}  // namespace

struct Source {
  EventSourceState state;
  Known known;

  Source(const EventSourceState::Policy& policy, std::string_view last_event_id, std::uint64_t seed)
      : state(policy, last_event_id, seed) {}

  const Batch* poll(TimePoint now, std::string_view input) {
    using Output = EventSourceState::Output;
    begin_batch(input);
    for (auto output = state.poll(now); output != Output::kNothing; output = state.poll(now)) add_output(output, now);
    known.add_last_event_id(state.last_event_id(), state.last_event_id_changes());
    return end_batch();
  }

 private:
  [[gnu::noinline]] void add_output(EventSourceState::Output output, TimePoint now) {
    using Output = EventSourceState::Output;
    switch (output) {
      case Output::kConnect:
        return add(Kind::kConnect, state.is_polling());  // in place of a length
      case Output::kOpen:
        return add(Kind::kOpen);
      case Output::kEvent:
        return known.add_event(state.event(), state.last_event_id_changes());
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

  explicit Parser(std::string_view last_event_id) : parser(last_event_id) {}
};

}  // namespace millrace

using millrace::Batch;
using millrace::Input;
using millrace::input_text;
using millrace::Parser;
using millrace::Source;
using millrace::time_point;
using millrace::Verdict;

extern "C" {

/// Returns the address for the next `bytes` of input.
char* input(std::uint32_t bytes) {
  return millrace::input_buffer.room_for(bytes);
}

// --- Sources: where a function takes a length, the text or bytes are in input() -----------------------------------

/// `flags`: the sum of Flags; a negative idle timeout means the server's. Times are in milliseconds. shared-values.ts
/// has the defaults.
Source* source_new(std::uint32_t last_event_id_bytes, double seed, std::uint32_t jitter_percent, int base, int max,
                   std::uint32_t attempts, int idle_timeout, int first_byte_timeout, std::uint32_t max_event_bytes,
                   std::uint32_t flags) {
  millrace::EventSourceState::Policy policy;
  policy.backoff.jitter_percent = jitter_percent;
  policy.backoff.reconnection_time = millrace::Duration(base);
  policy.backoff.max = millrace::Duration(max);
  policy.max_attempts = attempts;
  if (idle_timeout >= 0) policy.idle_timeout = millrace::Duration(idle_timeout);
  policy.first_byte_timeout = millrace::Duration(first_byte_timeout);
  policy.max_event_bytes = max_event_bytes;
  policy.retry_on_server_error = (flags & millrace::kRetryOnServerError) != 0;
  policy.polling = (flags & millrace::kPolling) != 0;
  policy.drop_replays = static_cast<millrace::EventSourceState::DropReplays>(flags / millrace::kDropReplaysOfLogs & 3);
  policy.is_idempotent = (flags & millrace::kNotIdempotent) == 0;
  policy.reconnect = static_cast<millrace::EventSourceState::Reconnect>(flags / millrace::kIdempotent & 3);
  policy.cursor_events = (flags & millrace::kCursorEvents) != 0;
  return new Source(policy, input_text(last_event_id_bytes), static_cast<std::uint64_t>(seed));
}

void source_delete(Source* source) {
  delete source;
}

/// `a` is the length of the text or bytes, or a response's status. For a response, `b` to `e` are the length of its
/// Content-Type and Last-Event-ID with an LF between, Retry-After in milliseconds, a Verdict, and the heartbeat in
/// milliseconds (0: unknown). For a message, `b` says whether it is a cursor.
const Batch* source_tell(Source* source, Input input, double milliseconds, int a, std::uint32_t b, int c,
                         std::uint32_t d, int e) {
  auto& state = source->state;
  const auto now = time_point(milliseconds);
  const auto given = input_text(static_cast<std::uint32_t>(a));
  switch (input) {
    case Input::kBytes:
      state.handle_bytes(given, now);
      break;
    case Input::kMessage:
      state.handle_message(given, now, b == 0);
      break;
    case Input::kStart:
      state.start();
      break;
    case Input::kResponse: {
      const std::string_view fields = input_text(b);
      const std::size_t end = fields.find('\n');
      millrace::EventSourceState::Response response{.status = a, .content_type = fields.substr(0, end)};
      response.last_event_id = fields.substr(end + 1);
      response.retry_after = millrace::Duration(c);
      const auto verdict = static_cast<Verdict>(d);
      if (verdict == Verdict::kRetry || verdict == Verdict::kFail) response.retry = verdict == Verdict::kRetry;
      response.mended = verdict == Verdict::kMended;
      response.heartbeat = millrace::Duration(e);
      state.handle_response(response, now);
      break;
    }
    case Input::kEnd:
      state.handle_end(now);
      break;
    case Input::kNetworkError:
      state.handle_network_error(now);
      break;
    case Input::kFutileError:
      state.handle_futile_error();
      break;
    case Input::kTimeout:
      state.handle_timeout(now);
      break;
    case Input::kOnline:
      state.handle_online(now);
      break;
    case Input::kSuspend:
      state.handle_suspend(now);
      break;
    case Input::kResume:
      state.handle_resume();
      break;
    case Input::kRestart:
      state.handle_restart(now);
      break;
  }
  return source->poll(now, input == Input::kBytes ? given : std::string_view());
}

/// When to pass Input::kTimeout; negative: never.
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
  const auto chunk = input_text(bytes);
  millrace::begin_batch(chunk);
  auto& stream = parser->parser;
  stream.feed(chunk);
  for (auto item = stream.next(); item != Item::kNeedMore; item = stream.next()) {
    if (item == Item::kTooLarge) {
      millrace::add(Kind::kTooLarge);
      break;
    }
    if (item == Item::kEvent) parser->known.add_event(stream.event(), stream.last_event_id_changes());
    if (item == Item::kComment) millrace::add(Kind::kComment, 0, millrace::add_text(stream.comment()));
    if (item == Item::kRetry) {
      millrace::add(Kind::kRetry, static_cast<std::uint32_t>(stream.reconnection_time().count()));
    }
  }
  parser->known.add_last_event_id(stream.last_event_id(), stream.last_event_id_changes());
  return millrace::end_batch();
}

}  // extern "C"
