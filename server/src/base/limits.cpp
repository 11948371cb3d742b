// What limits.h says of its limits' relations, for the compiler to check.
#include "millrace/core/limits.h"

namespace millrace {

// A client that vanishes is noticed within two heartbeats.
static_assert(kUnacknowledgedTimeout <= kHeartbeatInterval);
static_assert(kMinRetransmissionPause <= kHeartbeatInterval / 2 && kHeartbeatInterval / 2 <= kMaxRetransmissionPause);
// A client gives a heartbeat up only when the next but one fails to come, too.
static_assert(kIdlePercentOfHeartbeat > 200);

// What a loop answers itself it has collected itself; any request may have as much as a publish request.
static_assert(kMaxDirectBodyBytes <= kMaxBufferedBodyBytes);
static_assert(kMaxPublishBytes <= kMaxBufferedBodyBytes && kMaxBufferedBodyBytes <= kMaxBodyBytes);
static_assert(kBodyPieceBytes < kMaxBodyBytes);

// The largest request and the largest response that a loop buffers have room many times.
static_assert(16 * (kMaxBufferedBodyBytes + kMaxRequestHeadBytes) <= kMaxBufferedBytes);
static_assert(16 * kMaxBufferedResponseBytes <= kMaxBufferedBytes && kMaxBodyBytes <= kMaxBufferedBytes);
// All streams have half of it.
static_assert(16 * kMaxStreamBufferBytes <= kMaxBufferedBytes / 2);
static_assert(kMaxRequestHeadBytes <= kUncountedBufferBytes);

// A page of the log, half a turn's work, hands on more than a few events, and ends behind a topic's costliest match.
static_assert(kReadWorkPerTurn / 2 >= 16 * kWorkPerFrame);
static_assert(kReadWorkPerTurn / 2 >= std::size_t{1} << kMaxWildcardDepth);

// An interval of presence has room for a few events, and the whole for the part.
static_assert(kPresenceEventBytes <= kPresenceIntervalBytes && kPresenceIntervalBytes <= kPresenceChangesBytes);
static_assert(kPresenceChangesBytes <= kPresenceBytes);

// An event that may be published can be read.
static_assert(kMaxPublishBytes <= kMaxEventBytes);
static_assert(kMaxEventIdBytes + kMaxEventTypeBytes + kMaxTopicBytes < kMaxRequestHeadBytes);

static_assert(kMinKeyBytes <= kMaxKeyBytes && kMaxKeyBytes < kMaxRequestHeadBytes && kMaxKeyBytes < kMaxKeyFileBytes);
static_assert(kMaxExplanationBytes <= kMaxRefusalBytes);
static_assert(kDefaultReconnectionTime <= kMaxReconnectionTime && kMinBackoff <= kMaxBackoff);
static_assert(kMaxConnectionsPerAddress <= kMaxConnections);

}  // namespace millrace
