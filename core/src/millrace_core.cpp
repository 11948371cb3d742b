// The C interface: millrace_core.h over the classes of the core.
#include "millrace_core.h"

#include <string>
#include <string_view>

#include "millrace/core/event_source_state.h"
#include "millrace/core/event_stream_parser.h"
#include "millrace/core/event_stream_writer.h"

using millrace::Duration;
using millrace::EventId;
using millrace::EventSourceState;
using millrace::EventStreamParser;
using millrace::EventStreamWriter;
using millrace::EventType;
using millrace::TimePoint;

struct millrace_parser {
  EventStreamParser parser;
};
struct millrace_writer {
  std::string bytes;
};
struct millrace_source {
  EventSourceState state;
};

namespace {

// The numbers of the header are those of the enums.
using Item = EventStreamParser::Item;
static_assert(static_cast<int>(Item::kNeedMore) == MILLRACE_NEED_MORE &&
              static_cast<int>(Item::kEvent) == MILLRACE_EVENT &&
              static_cast<int>(Item::kComment) == MILLRACE_COMMENT &&
              static_cast<int>(Item::kRetry) == MILLRACE_RETRY &&
              static_cast<int>(Item::kTooLarge) == MILLRACE_TOO_LARGE);
using Output = EventSourceState::Output;
static_assert(static_cast<int>(Output::kNothing) == MILLRACE_DO_NOTHING &&
              static_cast<int>(Output::kConnect) == MILLRACE_DO_CONNECT &&
              static_cast<int>(Output::kOpen) == MILLRACE_DO_OPEN &&
              static_cast<int>(Output::kEvent) == MILLRACE_DO_EVENT &&
              static_cast<int>(Output::kComment) == MILLRACE_DO_COMMENT &&
              static_cast<int>(Output::kReconnect) == MILLRACE_DO_RECONNECT &&
              static_cast<int>(Output::kFail) == MILLRACE_DO_FAIL);
using Reason = EventSourceState::Reason;
static_assert(static_cast<int>(Reason::kNone) == MILLRACE_REASON_NONE &&
              static_cast<int>(Reason::kNetworkError) == MILLRACE_REASON_NETWORK_ERROR &&
              static_cast<int>(Reason::kEndOfStream) == MILLRACE_REASON_END_OF_STREAM &&
              static_cast<int>(Reason::kTimeout) == MILLRACE_REASON_TIMEOUT &&
              static_cast<int>(Reason::kStatus) == MILLRACE_REASON_STATUS &&
              static_cast<int>(Reason::kContentType) == MILLRACE_REASON_CONTENT_TYPE &&
              static_cast<int>(Reason::kTooLarge) == MILLRACE_REASON_TOO_LARGE &&
              static_cast<int>(Reason::kBuffered) == MILLRACE_REASON_BUFFERED);

std::string_view view(const char* data, std::size_t size) {
  return size == 0 ? std::string_view() : std::string_view(data, size);
}

void give(std::string_view text, millrace_text* out) {
  *out = {text.data(), text.size()};
}

void give(const millrace::MessageEvent& event, millrace_event* out) {
  give(event.type, &out->type);
  give(event.data, &out->data);
  give(event.last_event_id, &out->last_event_id);
  out->has_id = event.has_id ? 1 : 0;
  give(event.topic, &out->topic);
}

TimePoint time_point(std::int64_t milliseconds) {
  return TimePoint(Duration(milliseconds));
}

bool is_retry(std::int64_t milliseconds) {
  return milliseconds <= millrace::kMaxReconnectionTime.count();
}

// Nothing for a negative number.
std::optional<Duration> retry_of(std::int64_t milliseconds) {
  return milliseconds < 0 ? std::nullopt : std::optional(Duration(milliseconds));
}

bool is_one_of_three(std::int32_t choice) {
  return choice >= 0 && choice <= 2;
}

std::optional<EventSourceState::Policy> policy_of(const millrace_policy& given) {
  if (given.reconnection_time < 0 || given.max_backoff < 0 || given.idle_timeout < -1 || given.first_byte_timeout < 0 ||
      !is_one_of_three(given.reconnect) || !is_one_of_three(given.drop_replays)) {
    return std::nullopt;
  }
  EventSourceState::Policy policy;
  policy.backoff = {.reconnection_time = Duration(given.reconnection_time),
                    .max = Duration(given.max_backoff),
                    .jitter_percent = given.jitter_percent};
  policy.reconnect = static_cast<EventSourceState::Reconnect>(given.reconnect);
  policy.is_idempotent = given.is_idempotent != 0;
  policy.idle_timeout = retry_of(given.idle_timeout);
  policy.retry_on_server_error = given.retry_on_server_error != 0;
  policy.max_attempts = given.max_attempts;
  policy.max_event_bytes = static_cast<std::size_t>(given.max_event_bytes);
  policy.polling = given.polling != 0;
  policy.first_byte_timeout = Duration(given.first_byte_timeout);
  policy.drop_replays = static_cast<EventSourceState::DropReplays>(given.drop_replays);
  policy.cursor_events = given.cursor_events != 0;
  return policy;
}

}  // namespace

extern "C" {

int32_t millrace_abi_version(void) {
  return MILLRACE_ABI_VERSION;
}

// --- Parser ---------------------------------------------------------------------------------------------------------

millrace_parser* millrace_parser_new(const char* last_event_id, size_t last_event_id_size, size_t max_event_bytes) {
  return new millrace_parser{EventStreamParser(view(last_event_id, last_event_id_size),
                                               max_event_bytes == 0 ? millrace::kMaxEventBytes : max_event_bytes)};
}

void millrace_parser_delete(millrace_parser* parser) {
  delete parser;
}

void millrace_parser_reset(millrace_parser* parser) {
  parser->parser.reset();
}

void millrace_parser_feed(millrace_parser* parser, const char* bytes, size_t size) {
  parser->parser.feed(view(bytes, size));
}

int32_t millrace_parser_next(millrace_parser* parser) {
  return static_cast<int32_t>(parser->parser.next());
}

void millrace_parser_event(const millrace_parser* parser, millrace_event* event) {
  give(parser->parser.event(), event);
}

void millrace_parser_comment(const millrace_parser* parser, millrace_text* comment) {
  give(parser->parser.comment(), comment);
}

void millrace_parser_last_event_id(const millrace_parser* parser, millrace_text* id) {
  give(parser->parser.last_event_id(), id);
}

int64_t millrace_parser_reconnection_time(const millrace_parser* parser) {
  return parser->parser.reconnection_time().count();
}

// --- Writer ---------------------------------------------------------------------------------------------------------

millrace_writer* millrace_writer_new(void) {
  return new millrace_writer;
}

void millrace_writer_delete(millrace_writer* writer) {
  delete writer;
}

int32_t millrace_writer_event(millrace_writer* writer, const char* type, size_t type_size, const char* data,
                              size_t data_size, const char* id, size_t id_size, int64_t retry) {
  const auto checked_type = EventType::parse(view(type, type_size));
  if (!checked_type) return MILLRACE_INVALID_TYPE;
  const auto checked_id = EventId::parse(view(id, id_size));
  if (!checked_id) return MILLRACE_INVALID_ID;
  if (!is_retry(retry)) return MILLRACE_INVALID_RETRY;
  EventStreamWriter(writer->bytes)
      .event({.type = *checked_type, .data = view(data, data_size), .id = *checked_id, .retry = retry_of(retry)});
  return MILLRACE_WRITTEN;
}

int32_t millrace_writer_cursor(millrace_writer* writer, const char* id, size_t id_size, int64_t retry) {
  const auto checked_id = EventId::parse(view(id, id_size));
  if (!checked_id) return MILLRACE_INVALID_ID;
  if (!is_retry(retry)) return MILLRACE_INVALID_RETRY;
  EventStreamWriter(writer->bytes).cursor(*checked_id, retry_of(retry));
  return MILLRACE_WRITTEN;
}

int32_t millrace_writer_retry(millrace_writer* writer, int64_t retry) {
  if (!is_retry(retry) || retry < 0) return MILLRACE_INVALID_RETRY;
  EventStreamWriter(writer->bytes).retry(Duration(retry));
  return MILLRACE_WRITTEN;
}

int32_t millrace_writer_comment(millrace_writer* writer, const char* comment, size_t comment_size) {
  EventStreamWriter(writer->bytes).comment(view(comment, comment_size));
  return MILLRACE_WRITTEN;
}

void millrace_writer_bytes(const millrace_writer* writer, millrace_text* bytes) {
  give(writer->bytes, bytes);
}

void millrace_writer_clear(millrace_writer* writer) {
  writer->bytes.clear();
}

// --- Source ---------------------------------------------------------------------------------------------------------

void millrace_policy_init(millrace_policy* policy) {
  const EventSourceState::Policy standard;
  *policy = {.reconnection_time = standard.backoff.reconnection_time.count(),
             .max_backoff = standard.backoff.max.count(),
             .idle_timeout = -1,
             .first_byte_timeout = standard.first_byte_timeout.count(),
             .max_event_bytes = standard.max_event_bytes,
             .jitter_percent = standard.backoff.jitter_percent,
             .max_attempts = standard.max_attempts,
             .reconnect = static_cast<int32_t>(standard.reconnect),
             .is_idempotent = 1,
             .retry_on_server_error = 0,
             .polling = 0,
             .drop_replays = static_cast<int32_t>(standard.drop_replays),
             .cursor_events = 0};
}

millrace_source* millrace_source_new(const millrace_policy* policy, const char* last_event_id,
                                     size_t last_event_id_size, uint64_t seed) {
  const auto checked = policy_of(*policy);
  if (!checked) return nullptr;
  return new millrace_source{EventSourceState(*checked, view(last_event_id, last_event_id_size), seed)};
}

void millrace_source_delete(millrace_source* source) {
  delete source;
}

void millrace_source_start(millrace_source* source) {
  source->state.start();
}

void millrace_source_response(millrace_source* source, const millrace_response* response, int64_t now) {
  EventSourceState::Response head{.status = response->status,
                                  .content_type = view(response->content_type, response->content_type_size)};
  head.last_event_id = view(response->last_event_id, response->last_event_id_size);
  if (response->retry_after > 0) head.retry_after = Duration(response->retry_after);
  if (response->heartbeat > 0) head.heartbeat = Duration(response->heartbeat);
  if (response->verdict == 1 || response->verdict == 2) head.retry = response->verdict == 1;
  head.mended = response->verdict == 3;
  source->state.handle_response(head, time_point(now));
}

void millrace_source_bytes(millrace_source* source, const char* bytes, size_t size, int64_t now) {
  source->state.handle_bytes(view(bytes, size), time_point(now));
}

void millrace_source_end(millrace_source* source, int64_t now) {
  source->state.handle_end(time_point(now));
}

void millrace_source_network_error(millrace_source* source, int64_t now) {
  source->state.handle_network_error(time_point(now));
}

void millrace_source_futile_error(millrace_source* source) {
  source->state.handle_futile_error();
}

void millrace_source_timeout(millrace_source* source, int64_t now) {
  source->state.handle_timeout(time_point(now));
}

void millrace_source_online(millrace_source* source, int64_t now) {
  source->state.handle_online(time_point(now));
}

void millrace_source_suspend(millrace_source* source, int64_t now) {
  source->state.handle_suspend(time_point(now));
}

void millrace_source_resume(millrace_source* source) {
  source->state.handle_resume();
}

void millrace_source_restart(millrace_source* source, int64_t now) {
  source->state.handle_restart(time_point(now));
}

void millrace_source_message(millrace_source* source, const char* last_event_id, size_t last_event_id_size,
                             int32_t is_cursor, int64_t now) {
  source->state.handle_message(view(last_event_id, last_event_id_size), time_point(now), is_cursor == 0);
}

void millrace_source_close(millrace_source* source) {
  source->state.close();
}

int32_t millrace_source_poll(millrace_source* source, int64_t now) {
  return static_cast<int32_t>(source->state.poll(time_point(now)));
}

int64_t millrace_source_next_timeout(const millrace_source* source) {
  const auto timeout = source->state.poll_timeout();
  return timeout ? timeout->time_since_epoch().count() : -1;
}

void millrace_source_event(const millrace_source* source, millrace_event* event) {
  give(source->state.event(), event);
}

void millrace_source_comment(const millrace_source* source, millrace_text* comment) {
  give(source->state.comment(), comment);
}

void millrace_source_last_event_id(const millrace_source* source, millrace_text* id) {
  give(source->state.last_event_id(), id);
}

int32_t millrace_source_ready_state(const millrace_source* source) {
  return static_cast<int32_t>(source->state.ready_state());
}

int32_t millrace_source_reason(const millrace_source* source) {
  return static_cast<int32_t>(source->state.reason());
}

int32_t millrace_source_status(const millrace_source* source) {
  return source->state.status();
}

int32_t millrace_source_is_polling(const millrace_source* source) {
  return source->state.is_polling() ? 1 : 0;
}

}  // extern "C"
