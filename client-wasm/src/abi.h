// What C++ and TypeScript call by number across the module's boundary. abi.ts has the same names with the same values;
// build.mjs compares the two (shared-enums.mjs), and EventSourceState::Reason with abi.ts's `reasons`.

#ifndef MILLRACE_CLIENT_WASM_ABI_H
#define MILLRACE_CLIENT_WASM_ABI_H

#include <cstdint>

namespace millrace {

/// What a record of a batch says. Which of its fields a kind uses is at the functions of abi.cpp that add it.
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

/// What can happen to a source: the input of source_tell().
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

/// What the owner of a source says of a status.
enum class Verdict : std::uint32_t {
  kNone,
  kRetry,
  kFail,
  kMended,
};

/// The policy's yes and no, added up. Of kDropReplays… and of kIdempotent and kAlways, one at most: without them
/// replays are not dropped, and no request is sent again.
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
