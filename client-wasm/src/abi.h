// Numbers shared by C++ and TypeScript. tools/shared-values.mjs generates shared-values.ts from these enums; run it
// after a change.

#ifndef MILLRACE_CLIENT_WASM_ABI_H
#define MILLRACE_CLIENT_WASM_ABI_H

#include <cstdint>

namespace millrace {

/// The kind of a batch's record. The functions in abi.cpp that add a kind say which fields it uses.
enum class Kind : std::uint32_t {
  kConnect,  ///< `a`: whether to poll
  kOpen,
  kEvent,
  kReconnect,  ///< `a`: index of the reason, `b`: status, `c`: milliseconds until the reconnection
  kFail,       ///< the same, for good
  kId,         ///< `text`: the last event ID, changed by a block without an event
  kComment,    ///< `text`: the comment
  kRetry,      ///< `a`: milliseconds
  kTooLarge,
  /// `a`: which of Millrace's own fields; `text`: its value in the following events; empty: unknown. 0: the topics,
  /// with a tab between two; 1 and 2: `traceparent` and `tracestate`
  kField,
};

/// The inputs of a source, for source_tell().
enum class Input : std::uint32_t {
  kBytes,    ///< at most maxInputBytes of the body
  kMessage,  ///< an event that the transport itself has parsed: its last event ID, and 1 if it is a cursor
  kStart,
  /// status, Content-Type and Last-Event-ID with an LF between, Retry-After in milliseconds, a Verdict, the heartbeat
  /// in ms
  kResponse,
  kEnd,
  kNetworkError,
  kFutileError,  ///< no connection, and another attempt would fail, too
  kTimeout,      ///< at nextTimeout(); early or late is harmless
  kOnline,       ///< reconnect now instead of waiting
  kSuspend,      ///< the connection was dropped; no new one until `resume`
  kResume,
  kRestart,  ///< the connection was dropped; connect again at once
};

/// The owner's decision about a status.
enum class Verdict : std::uint32_t {
  kNone,
  kRetry,
  kFail,
  kMended,
};

/// The policy's flags, added up. At most one of the two about replays, and one of `idempotent` and `always`: without
/// them the source drops no replays and repeats no request.
enum Flag : std::uint32_t {
  kRetryOnServerError = 1,
  kPolling = 2,
  kDropReplaysOfLogs = 4,
  kDropReplays = 8,
  kIdempotent = 16,
  kAlways = 32,
  kNotIdempotent = 64,
  kCursorEvents = 128,
};

}  // namespace millrace

#endif  // MILLRACE_CLIENT_WASM_ABI_H
