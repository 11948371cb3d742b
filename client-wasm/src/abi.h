// Numbers shared by C++ and TypeScript. abi.ts has the same names with the same values; build.mjs compares the two
// (shared-enums.mjs), and EventSourceState::Reason with the `reasons` of abi.ts.

#ifndef MILLRACE_CLIENT_WASM_ABI_H
#define MILLRACE_CLIENT_WASM_ABI_H

#include <cstdint>

namespace millrace {

/// The kind of a batch's record. The functions in abi.cpp that add a kind say which fields it uses.
enum class Kind : std::uint32_t {
  kConnect,
  kOpen,
  kEvent,
  kReconnect,
  kFail,
  kId,
  kComment,
  kRetry,
  kTooLarge,
  kTopic,
};

/// The inputs of a source, for source_tell().
enum class Input : std::uint32_t {
  kBytes,
  kMessage,
  kStart,
  kResponse,
  kEnd,
  kNetworkError,
  kFutileError,
  kTimeout,
  kOnline,
  kSuspend,
  kResume,
  kRestart,
};

/// The owner's decision about a status.
enum class Verdict : std::uint32_t {
  kNone,
  kRetry,
  kFail,
  kMended,
};

/// The policy's flags, added up. At most one of kDropReplays…, and one of kIdempotent and kAlways: without them the
/// source drops no replays and repeats no request.
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
