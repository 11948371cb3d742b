/* The core in C, for other languages: the parser and the writer of event streams, and the state machine of a client.
 *
 * It does what the C++ headers of the same names do (millrace/core/event_stream_parser.h, event_stream_writer.h and
 * event_source_state.h), which describe each behaviour. No I/O, threads or clock: bytes and times are parameters.
 *
 * Objects are handles: `…_new` makes one, `…_delete` ends it; different ones may be used on different threads, one at a
 * time each. Texts are UTF-8, a pointer and a size; a null pointer with size 0 is an empty text. Texts that a function
 * returns are valid until the next call that changes the object, and are not terminated by 0. Times are milliseconds on
 * a clock of the caller's that never runs back. No function fails for content; where one refuses an argument, it says
 * so by its result and changes nothing. A handle must not be null, except for `…_delete`. Without memory the program
 * ends (abort).
 *
 *   millrace_parser* parser = millrace_parser_new(NULL, 0, 0);
 *   millrace_parser_feed(parser, chunk, chunk_size);
 *   for (int32_t item; (item = millrace_parser_next(parser)) != MILLRACE_NEED_MORE;)
 *     if (item == MILLRACE_EVENT) { millrace_event event; millrace_parser_event(parser, &event); use(&event); }
 *   millrace_parser_delete(parser);
 */
#ifndef MILLRACE_CORE_H
#define MILLRACE_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/core/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with every release that breaks a caller. */
#define MILLRACE_ABI_VERSION 1
/* MILLRACE_ABI_VERSION of the library that is loaded. */
MILLRACE_API int32_t millrace_abi_version(void);

typedef struct millrace_text {
  const char* data;
  size_t size;
} millrace_text;

/* An event as a client dispatches it. */
typedef struct millrace_event {
  millrace_text type;          /* never empty: `message` if the stream has no type */
  millrace_text data;          /* lines joined by LF */
  millrace_text last_event_id; /* stays until an `id` field changes it */
  int32_t has_id;              /* 1: this event had an `id`; 0: the ID is that of an earlier event */
} millrace_event;

/* --- Parser ---------------------------------------------------------------------------------------------------------
 */

typedef struct millrace_parser millrace_parser;

/* What millrace_parser_next() has found. */
enum {
  MILLRACE_NEED_MORE = 0, /* the chunk has been read: feed the next one */
  MILLRACE_EVENT = 1,     /* see millrace_parser_event() */
  MILLRACE_COMMENT = 2,   /* see millrace_parser_comment() */
  MILLRACE_RETRY = 3,     /* see millrace_parser_reconnection_time() */
  MILLRACE_TOO_LARGE = 4  /* a line or an event is larger than the limit; returned again until the parser is reset */
};

/* The parser of one event source, over all its connections. The last event ID is ignored if it has CR, LF or NUL.
 * `max_event_bytes` bounds a line and the data of one event; 0: 16 MiB. */
MILLRACE_API millrace_parser* millrace_parser_new(const char* last_event_id, size_t last_event_id_size,
                                                  size_t max_event_bytes);
MILLRACE_API void millrace_parser_delete(millrace_parser* parser);
/* Begins a new stream: drops incomplete input. The last event ID stays. */
MILLRACE_API void millrace_parser_reset(millrace_parser* parser);
/* The next bytes, after MILLRACE_NEED_MORE. They must stay valid until it is returned again. */
MILLRACE_API void millrace_parser_feed(millrace_parser* parser, const char* bytes, size_t size);
MILLRACE_API int32_t millrace_parser_next(millrace_parser* parser);
MILLRACE_API void millrace_parser_event(const millrace_parser* parser, millrace_event* event);
MILLRACE_API void millrace_parser_comment(const millrace_parser* parser, millrace_text* comment);
MILLRACE_API void millrace_parser_last_event_id(const millrace_parser* parser, millrace_text* id);
/* The last `retry`, or 3000. */
MILLRACE_API int64_t millrace_parser_reconnection_time(const millrace_parser* parser);

/* --- Writer ---------------------------------------------------------------------------------------------------------
 */

typedef struct millrace_writer millrace_writer;

/* Whether something was written. */
enum {
  MILLRACE_WRITTEN = 0,
  MILLRACE_INVALID_TYPE = 1, /* the type has CR, LF or NUL, or more than 128 bytes */
  MILLRACE_INVALID_ID = 2,   /* the ID has CR, LF or NUL, or more than 256 bytes */
  MILLRACE_INVALID_RETRY = 3 /* more than 2147483647 ms */
};

MILLRACE_API millrace_writer* millrace_writer_new(void);
MILLRACE_API void millrace_writer_delete(millrace_writer* writer);
/* Appends an event. An empty type is `message`; an empty ID is none; a negative `retry` is none. */
MILLRACE_API int32_t millrace_writer_event(millrace_writer* writer, const char* type, size_t type_size,
                                           const char* data, size_t data_size, const char* id, size_t id_size,
                                           int64_t retry);
/* Appends a block that sets only the client's last event ID; an empty one clears it. `retry` as above. */
MILLRACE_API int32_t millrace_writer_cursor(millrace_writer* writer, const char* id, size_t id_size, int64_t retry);
/* Appends only a reconnection time, which must not be negative. */
MILLRACE_API int32_t millrace_writer_retry(millrace_writer* writer, int64_t retry);
/* Appends a comment for each line of the text. */
MILLRACE_API int32_t millrace_writer_comment(millrace_writer* writer, const char* comment, size_t comment_size);
/* What has been written since the last clear. */
MILLRACE_API void millrace_writer_bytes(const millrace_writer* writer, millrace_text* bytes);
MILLRACE_API void millrace_writer_clear(millrace_writer* writer);

/* --- Source: the state machine of a client --------------------------------------------------------------------------
 */

typedef struct millrace_source millrace_source;

/* What a user may choose. Make it with millrace_policy_init(), which sets the standard's behaviour. */
typedef struct millrace_policy {
  int64_t reconnection_time;     /* ms until the server sends a `retry`: 3000 */
  int64_t max_backoff;           /* ms: 60000 */
  int64_t idle_timeout;          /* ms of silence after which a connection counts as dead; 0: never; -1: the server's */
  int64_t first_byte_timeout;    /* ms without a byte after which the source polls; 0: never */
  uint64_t max_event_bytes;      /* 16 MiB */
  uint32_t jitter_percent;       /* 25 */
  uint32_t max_attempts;         /* failures in a row before it gives up; 0: unlimited */
  int32_t reconnect;             /* 0: never; 1: idempotent requests; 2: all */
  int32_t is_idempotent;         /* 1: the request's method is idempotent */
  int32_t retry_on_server_error; /* 1: reconnect after 429, 503 and the like */
  int32_t polling;               /* 1: each response ends once it has carried something */
  int32_t drop_replays;          /* 0: never; 1: of servers with a log; 2: always */
  int32_t cursor_events;         /* 1: cursors are events, too */
} millrace_policy;
MILLRACE_API void millrace_policy_init(millrace_policy* policy);

/* What millrace_source_poll() asks the caller to do. */
enum {
  MILLRACE_DO_NOTHING = 0,   /* wait for the next input, or until millrace_source_next_timeout() */
  MILLRACE_DO_CONNECT = 1,   /* send the request, with millrace_source_last_event_id() if it is not empty */
  MILLRACE_DO_OPEN = 2,      /* the stream is open: fire `open` */
  MILLRACE_DO_EVENT = 3,     /* dispatch millrace_source_event() */
  MILLRACE_DO_COMMENT = 4,   /* millrace_source_comment() was read */
  MILLRACE_DO_RECONNECT = 5, /* close the connection, fire `error`: it will reconnect */
  MILLRACE_DO_FAIL = 6       /* close the connection, fire `error`: closed for good */
};

/* Why a connection was lost: millrace_source_reason(). */
enum {
  MILLRACE_REASON_NONE = 0,
  MILLRACE_REASON_NETWORK_ERROR = 1,
  MILLRACE_REASON_END_OF_STREAM = 2,
  MILLRACE_REASON_TIMEOUT = 3,
  MILLRACE_REASON_STATUS = 4,
  MILLRACE_REASON_CONTENT_TYPE = 5,
  MILLRACE_REASON_TOO_LARGE = 6,
  MILLRACE_REASON_BUFFERED = 7
};

/* The head of a response, after all redirects. Zeros and null pointers stand for a header that was not there. */
typedef struct millrace_response {
  const char* content_type; /* with parameters */
  size_t content_type_size;
  const char* last_event_id; /* the Last-Event-ID header */
  size_t last_event_id_size;
  int64_t retry_after; /* ms, from Retry-After; 0: none */
  int64_t heartbeat;   /* ms, from Millrace-Heartbeat; 0: none */
  int32_t status;
  int32_t verdict; /* of a status but 200 and 204: 0: the policy decides; 1: try again; 2: fail; 3: its reason has been
                      removed (a token was renewed), try again at once */
} millrace_response;

/* Equal seeds give equal waits. Returns null if the policy is out of range: a negative time but for `idle_timeout`, or
 * a choice that is not one of those above. */
MILLRACE_API millrace_source* millrace_source_new(const millrace_policy* policy, const char* last_event_id,
                                                  size_t last_event_id_size, uint64_t seed);
MILLRACE_API void millrace_source_delete(millrace_source* source);

/* Inputs. After each one, poll until MILLRACE_DO_NOTHING. */
MILLRACE_API void millrace_source_start(millrace_source* source);
MILLRACE_API void millrace_source_response(millrace_source* source, const millrace_response* response, int64_t now);
/* The next bytes of the body; they must stay valid until MILLRACE_DO_NOTHING. */
MILLRACE_API void millrace_source_bytes(millrace_source* source, const char* bytes, size_t size, int64_t now);
/* The response ended in order. */
MILLRACE_API void millrace_source_end(millrace_source* source, int64_t now);
MILLRACE_API void millrace_source_network_error(millrace_source* source, int64_t now);
/* There is no connection, and another attempt would fail as well. */
MILLRACE_API void millrace_source_futile_error(millrace_source* source);
/* Call it at millrace_source_next_timeout(); early or late is harmless. */
MILLRACE_API void millrace_source_timeout(millrace_source* source, int64_t now);
/* The network is back. */
MILLRACE_API void millrace_source_online(millrace_source* source, int64_t now);
/* The connection has been dropped, and none is wanted until millrace_source_resume(). */
MILLRACE_API void millrace_source_suspend(millrace_source* source, int64_t now);
MILLRACE_API void millrace_source_resume(millrace_source* source);
/* The connection has been dropped, and a new one is wanted at once. */
MILLRACE_API void millrace_source_restart(millrace_source* source, int64_t now);
/* A transport with a parser of its own (a browser's EventSource) has dispatched an event with this last event ID;
 * `is_cursor`: 1 for an event of type `millrace.cursor`. */
MILLRACE_API void millrace_source_message(millrace_source* source, const char* last_event_id, size_t last_event_id_size,
                                          int32_t is_cursor, int64_t now);
/* Closes for good; nothing is reported after it. */
MILLRACE_API void millrace_source_close(millrace_source* source);

/* Outputs. */
MILLRACE_API int32_t millrace_source_poll(millrace_source* source, int64_t now);
/* When to call millrace_source_timeout(); -1: never. */
MILLRACE_API int64_t millrace_source_next_timeout(const millrace_source* source);
MILLRACE_API void millrace_source_event(const millrace_source* source, millrace_event* event);
MILLRACE_API void millrace_source_comment(const millrace_source* source, millrace_text* comment);
MILLRACE_API void millrace_source_last_event_id(const millrace_source* source, millrace_text* id);
/* As the standard numbers them: 0 connecting, 1 open, 2 closed. */
MILLRACE_API int32_t millrace_source_ready_state(const millrace_source* source);
/* Of the last MILLRACE_DO_RECONNECT or MILLRACE_DO_FAIL: MILLRACE_REASON_… */
MILLRACE_API int32_t millrace_source_reason(const millrace_source* source);
/* The last response's status; 0 before the first. */
MILLRACE_API int32_t millrace_source_status(const millrace_source* source);
/* 1: the connection of MILLRACE_DO_CONNECT must be a poll (`mode=poll` in the query). */
MILLRACE_API int32_t millrace_source_is_polling(const millrace_source* source);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MILLRACE_CORE_H */
