// The bounds of the protocol that both ends share. docs/protocol.md says what happens at each.
//
// The native client's own bounds are in millrace/client/limits.h, the server's in millrace/server/limits.h. A bound
// that only one source file or folder uses stands in its header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

// --- The format -------------------------------------------------------------------------------------------------

/// Largest line, and largest data buffer of one event, that a client accepts, in bytes. Beyond it the stream ends
/// with an error: a parser never buffers without bound.
inline constexpr std::size_t kMaxEventBytes = 16 * 1024 * 1024;

/// Longest event ID a publisher may give, in bytes.
inline constexpr std::size_t kMaxEventIdBytes = 256;

/// Longest event type a publisher may give, in bytes.
inline constexpr std::size_t kMaxEventTypeBytes = 128;

/// Longest `traceparent`, in bytes, which only versions after 00 can reach; a longer one is ignored.
inline constexpr std::size_t kMaxTraceParentBytes = 128;

/// Longest `tracestate`, in bytes; a longer one is ignored. [W3C Trace Context 3.3.1.5]
inline constexpr std::size_t kMaxTraceStateBytes = 512;

/// Most members of a `tracestate`; one with more is ignored. [W3C Trace Context 3.3.1.1]
inline constexpr std::size_t kMaxTraceStateMembers = 32;

// --- JSON -------------------------------------------------------------------------------------------------------

/// Deepest nesting of JSON that is accepted, from any source.
inline constexpr int kMaxJsonDepth = 64;

/// Largest JSON text in which the other side's program reports something (a gap, a refusal, an answer), in bytes. A
/// larger text is treated as if it were not JSON.
inline constexpr std::size_t kMaxJsonBytes = 64 * 1024;

// --- Topics -----------------------------------------------------------------------------------------------------

/// Longest topic or topic pattern, in bytes.
inline constexpr std::size_t kMaxTopicBytes = 1024;

/// Most patterns of one subscription.
inline constexpr std::size_t kMaxTopicsPerSubscription = 64;

/// Number of first segments of a pattern that may be `*`. Matching a topic against all patterns of a server follows at
/// most two to the power of this many paths in their tree, for any patterns.
inline constexpr std::size_t kMaxWildcardDepth = 8;

/// Longest interval at which a conflating subscriber gets the newest events.
inline constexpr Duration kMaxConflateInterval{3'600'000};

// --- Reconnection -----------------------------------------------------------------------------------------------

/// Reconnection time until the server sends a `retry` field.
inline constexpr Duration kDefaultReconnectionTime{3'000};

/// Largest reconnection time that a `retry` field can set: the maximum of a 32-bit millisecond timer (24.8 days).
/// Longer ones count as this, so that none overflows a timer and reconnects at once.
inline constexpr Duration kMaxReconnectionTime{0x7fff'ffff};

/// Cap on the exponential part of the backoff. A server's `retry` above it is still honoured.
inline constexpr Duration kMaxBackoff{60'000};

/// Start of the exponential part if the reconnection time is shorter (a `retry: 0` must not become a storm).
inline constexpr Duration kMinBackoff{250};
static_assert(kDefaultReconnectionTime <= kMaxReconnectionTime && kMinBackoff <= kMaxBackoff);

/// If the reconnection time is at least this long, connections that end right after an event (such as polls) do not
/// count as failures. If it is shorter, they count as one failure.
inline constexpr Duration kMinPause{20};

/// A connection that has been open this long is stable: the next wait starts from the reconnection time again.
inline constexpr Duration kStablePeriod{5'000};

/// Silence after which a client treats a connection as dead, in percent of the heartbeat that the server reports,
/// unless the user sets another time. It is above 200, so that one late heartbeat is harmless.
inline constexpr int kIdlePercentOfHeartbeat = 250;
static_assert(kIdlePercentOfHeartbeat > 200);

/// Events that a client remembers to recognize replays after a reconnection.
inline constexpr std::size_t kReplayWindowEvents = 1024;

}  // namespace millrace
