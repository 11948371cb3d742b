// The core in C, for other languages: parser and writer of event streams, and the state machine of a client.
//
// Each behaviour is described in the C++ header of the same name: millrace/core/event_stream_parser.h,
// event_stream_writer.h and event_source_state.h. No I/O, threads or clock: bytes and times are parameters.
//
// Objects are handles: `…_new` makes one, `…_delete` ends it. Different objects may be used on different threads, each
// by one at a time. A handle must not be null, except for `…_delete`. Texts are UTF-8, a pointer and a size; a null
// pointer with size 0 is an empty text. Texts that a function returns are valid until the next call that changes the
// object, and are not terminated by 0. Times are milliseconds on a clock of the caller's that never runs back. A
// function that refuses an argument says so by its result, and changes nothing. Without memory the program ends.
//
//   millrace_parser* parser = millrace_parser_new(NULL, 0, 0);
//   millrace_parser_feed(parser, chunk, chunk_size);
//   for (int32_t item; (item = millrace_parser_next(parser)) != MILLRACE_NEED_MORE;)
//     if (item == MILLRACE_EVENT) { millrace_event event; millrace_parser_event(parser, &event); use(&event); }
//   millrace_parser_delete(parser);
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "millrace/core/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Changes with every release that breaks a caller.
#define MILLRACE_ABI_VERSION 1
/// Returns MILLRACE_ABI_VERSION of the library that is loaded.
MILLRACE_API int32_t millrace_abi_version(void);

/// Bytes of UTF-8.
typedef struct millrace_text {
  const char* data;  ///< may be null if `size` is 0
  size_t size;       ///< in bytes
} millrace_text;

/// An event as a client dispatches it.
typedef struct millrace_event {
  millrace_text type;           ///< never empty: `message` if the stream has no type
  millrace_text data;           ///< lines joined by LF
  millrace_text last_event_id;  ///< stays until an `id` field changes it
  int32_t has_id;               ///< 1: this event had an `id`; 0: the ID is that of an earlier event
  millrace_text topic;          ///< what the stream says of its topic; empty if it says nothing
} millrace_event;

// --- Parser -----------------------------------------------------------------------------------------------------

/// The parser of one event source, over all its connections.
typedef struct millrace_parser millrace_parser;

/// What millrace_parser_next() has found.
enum millrace_item {
  MILLRACE_NEED_MORE = 0,  ///< the chunk has been read: feed the next one
  MILLRACE_EVENT = 1,      ///< see millrace_parser_event()
  MILLRACE_COMMENT = 2,    ///< see millrace_parser_comment()
  MILLRACE_RETRY = 3,      ///< see millrace_parser_reconnection_time()
  MILLRACE_TOO_LARGE = 4   ///< a line or an event is larger than the limit; returned again until the parser is reset
};

/// Makes a parser. The last event ID is ignored if it has CR, LF or NUL. `max_event_bytes` bounds a line and the data
/// of one event; 0: 16 MiB (kMaxEventBytes).
MILLRACE_API millrace_parser* millrace_parser_new(const char* last_event_id, size_t last_event_id_size,
                                                  size_t max_event_bytes);
/// Ends a parser.
MILLRACE_API void millrace_parser_delete(millrace_parser* parser);
/// Begins a new stream: drops incomplete input. The last event ID stays.
MILLRACE_API void millrace_parser_reset(millrace_parser* parser);
/// Takes the next bytes, after MILLRACE_NEED_MORE. They must stay valid until it is returned again.
MILLRACE_API void millrace_parser_feed(millrace_parser* parser, const char* bytes, size_t size);
/// Reads on to the next item; returns a millrace_item.
MILLRACE_API int32_t millrace_parser_next(millrace_parser* parser);
/// The event of MILLRACE_EVENT.
MILLRACE_API void millrace_parser_event(const millrace_parser* parser, millrace_event* event);
/// The comment of MILLRACE_COMMENT, without its colon and one space after it.
MILLRACE_API void millrace_parser_comment(const millrace_parser* parser, millrace_text* comment);
/// The last event ID, which a reconnection sends.
MILLRACE_API void millrace_parser_last_event_id(const millrace_parser* parser, millrace_text* id);
/// Returns the last `retry`, or 3000.
MILLRACE_API int64_t millrace_parser_reconnection_time(const millrace_parser* parser);

// --- Writer -----------------------------------------------------------------------------------------------------

/// The bytes of an event stream that grow.
typedef struct millrace_writer millrace_writer;

/// Whether something was written.
enum millrace_written {
  MILLRACE_WRITTEN = 0,       ///< it was
  MILLRACE_INVALID_TYPE = 1,  ///< the type has CR, LF or NUL, or more than 128 bytes
  MILLRACE_INVALID_ID = 2,    ///< the ID has CR, LF or NUL, or more than 256 bytes
  MILLRACE_INVALID_RETRY = 3  ///< the reconnection time is longer than 2147483647 ms
};

/// Makes a writer.
MILLRACE_API millrace_writer* millrace_writer_new(void);
/// Ends a writer.
MILLRACE_API void millrace_writer_delete(millrace_writer* writer);
/// Appends an event; returns a millrace_written. An empty type is `message`; an empty ID and a negative `retry` are
/// left out.
MILLRACE_API int32_t millrace_writer_event(millrace_writer* writer, const char* type, size_t type_size,
                                           const char* data, size_t data_size, const char* id, size_t id_size,
                                           int64_t retry);
/// Appends a block that sets only the client's last event ID, which an empty one clears; returns a millrace_written. A
/// negative `retry` is left out.
MILLRACE_API int32_t millrace_writer_cursor(millrace_writer* writer, const char* id, size_t id_size, int64_t retry);
/// Appends only a reconnection time, which must not be negative; returns a millrace_written.
MILLRACE_API int32_t millrace_writer_retry(millrace_writer* writer, int64_t retry);
/// Appends a comment for each line of the text; returns MILLRACE_WRITTEN.
MILLRACE_API int32_t millrace_writer_comment(millrace_writer* writer, const char* comment, size_t comment_size);
/// What has been written since the last clear.
MILLRACE_API void millrace_writer_bytes(const millrace_writer* writer, millrace_text* bytes);
/// Forgets what has been written.
MILLRACE_API void millrace_writer_clear(millrace_writer* writer);

// --- Source: the state machine of a client ------------------------------------------------------------------------

/// The state of one event source, over all its connections.
typedef struct millrace_source millrace_source;

/// What a user may choose. Make it with millrace_policy_init(), which sets the standard's behaviour.
typedef struct millrace_policy {
  int64_t reconnection_time;      ///< ms until the server sends a `retry`: 3000
  int64_t max_backoff;            ///< ms: 60000
  int64_t idle_timeout;           ///< ms of silence after which a connection counts as dead; 0: never; -1: the server's
  int64_t first_byte_timeout;     ///< ms without a byte after which the source polls; 0: never
  uint64_t max_event_bytes;       ///< largest line, and largest data of one event: 16 MiB
  uint32_t jitter_percent;        ///< random part of a wait, in percent of the reconnection time: 25
  uint32_t max_attempts;          ///< failures in a row before it gives up; 0: unlimited
  int32_t reconnect;              ///< 0: never; 1: idempotent requests; 2: all
  int32_t is_idempotent;          ///< 1: the request's method is idempotent
  int32_t retry_on_server_error;  ///< 1: reconnect after 429, 503 and the like
  int32_t polling;                ///< 1: each response ends once it has carried something
  int32_t drop_replays;           ///< 0: never; 1: of servers with a log; 2: always
  int32_t cursor_events;          ///< 1: cursors are events, too
} millrace_policy;

/// Sets the standard's behaviour.
MILLRACE_API void millrace_policy_init(millrace_policy* policy);

/// What millrace_source_poll() asks the caller to do.
enum millrace_output {
  MILLRACE_DO_NOTHING = 0,    ///< wait for the next input, or until millrace_source_next_timeout()
  MILLRACE_DO_CONNECT = 1,    ///< send the request, with millrace_source_last_event_id() if it is not empty
  MILLRACE_DO_OPEN = 2,       ///< the stream is open: fire `open`
  MILLRACE_DO_EVENT = 3,      ///< dispatch millrace_source_event()
  MILLRACE_DO_COMMENT = 4,    ///< millrace_source_comment() was read
  MILLRACE_DO_RECONNECT = 5,  ///< close the connection, fire `error`: it will reconnect
  MILLRACE_DO_FAIL = 6        ///< close the connection, fire `error`: closed for good
};

/// Why a connection was lost: millrace_source_reason().
enum millrace_reason {
  MILLRACE_REASON_NONE = 0,           ///< nothing was lost yet
  MILLRACE_REASON_NETWORK_ERROR = 1,  ///< no connection, or a broken one
  MILLRACE_REASON_END_OF_STREAM = 2,  ///< the server ended the response
  MILLRACE_REASON_TIMEOUT = 3,        ///< nothing came within the idle timeout
  MILLRACE_REASON_STATUS = 4,         ///< a status other than 200: millrace_source_status()
  MILLRACE_REASON_CONTENT_TYPE = 5,   ///< not `text/event-stream`
  MILLRACE_REASON_TOO_LARGE = 6,      ///< an event is larger than the limit
  MILLRACE_REASON_BUFFERED = 7        ///< no byte came within `first_byte_timeout`: the source polls from now on
};

/// The head of a response, after all redirects. Zeros and null pointers stand for a header that was not there.
typedef struct millrace_response {
  const char* content_type;   ///< Content-Type, with its parameters
  size_t content_type_size;   ///< in bytes
  const char* last_event_id;  ///< Last-Event-ID
  size_t last_event_id_size;  ///< in bytes
  int64_t retry_after;        ///< Retry-After, in ms
  int64_t heartbeat;          ///< Millrace-Heartbeat, in ms
  int32_t status;             ///< the status code
  /// Of a status other than 200 and 204. 0: the policy decides; 1: try again; 2: fail; 3: the caller has removed its
  /// reason (has renewed a token), try again at once.
  int32_t verdict;
} millrace_response;

/// Makes a source. Equal seeds give equal waits. Returns null if the policy is out of range: a negative time other than
/// an `idle_timeout` of -1, or a choice that is not listed.
MILLRACE_API millrace_source* millrace_source_new(const millrace_policy* policy, const char* last_event_id,
                                                  size_t last_event_id_size, uint64_t seed);
/// Ends a source.
MILLRACE_API void millrace_source_delete(millrace_source* source);

// Inputs. After each one, poll until MILLRACE_DO_NOTHING.

/// Requests the first connection.
MILLRACE_API void millrace_source_start(millrace_source* source);
/// The head of the response to the last request.
MILLRACE_API void millrace_source_response(millrace_source* source, const millrace_response* response, int64_t now);
/// The next bytes of the body; they must stay valid until MILLRACE_DO_NOTHING.
MILLRACE_API void millrace_source_bytes(millrace_source* source, const char* bytes, size_t size, int64_t now);
/// The response ended in order.
MILLRACE_API void millrace_source_end(millrace_source* source, int64_t now);
/// The connection broke, or could not be made.
MILLRACE_API void millrace_source_network_error(millrace_source* source, int64_t now);
/// There is no connection, and another attempt would fail as well.
MILLRACE_API void millrace_source_futile_error(millrace_source* source);
/// Call it at millrace_source_next_timeout(); early or late is harmless.
MILLRACE_API void millrace_source_timeout(millrace_source* source, int64_t now);
/// The network is back.
MILLRACE_API void millrace_source_online(millrace_source* source, int64_t now);
/// The caller has closed the connection, and wants none until millrace_source_resume().
MILLRACE_API void millrace_source_suspend(millrace_source* source, int64_t now);
/// Connects after millrace_source_suspend().
MILLRACE_API void millrace_source_resume(millrace_source* source);
/// The caller has closed the connection, and wants a new one at once.
MILLRACE_API void millrace_source_restart(millrace_source* source, int64_t now);
/// A transport with a parser of its own (a browser's EventSource) has dispatched an event with this last event ID;
/// `is_cursor`: 1 for an event of type `millrace.cursor`.
MILLRACE_API void millrace_source_message(millrace_source* source, const char* last_event_id, size_t last_event_id_size,
                                          int32_t is_cursor, int64_t now);
/// Closes for good; nothing is reported after it.
MILLRACE_API void millrace_source_close(millrace_source* source);

// Outputs.

/// Returns the next thing to do, a millrace_output.
MILLRACE_API int32_t millrace_source_poll(millrace_source* source, int64_t now);
/// Returns when to call millrace_source_timeout(); -1: never.
MILLRACE_API int64_t millrace_source_next_timeout(const millrace_source* source);
/// The event of MILLRACE_DO_EVENT.
MILLRACE_API void millrace_source_event(const millrace_source* source, millrace_event* event);
/// The comment of MILLRACE_DO_COMMENT.
MILLRACE_API void millrace_source_comment(const millrace_source* source, millrace_text* comment);
/// What the next request sends as Last-Event-ID; empty: it sends none.
MILLRACE_API void millrace_source_last_event_id(const millrace_source* source, millrace_text* id);
/// Returns the state as the standard numbers it: 0 connecting, 1 open, 2 closed.
MILLRACE_API int32_t millrace_source_ready_state(const millrace_source* source);
/// Returns a millrace_reason, of the last MILLRACE_DO_RECONNECT or MILLRACE_DO_FAIL.
MILLRACE_API int32_t millrace_source_reason(const millrace_source* source);
/// Returns the last response's status; 0 before the first.
MILLRACE_API int32_t millrace_source_status(const millrace_source* source);
/// Returns 1 if the connection of MILLRACE_DO_CONNECT must be a poll (`mode=poll` in the query).
MILLRACE_API int32_t millrace_source_is_polling(const millrace_source* source);

#ifdef __cplusplus
}  // extern "C"
#endif
