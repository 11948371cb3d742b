// The relations between the server's limits that its text relies on, for the compiler to check. Those of a single room
// are checked in its header.
#include "millrace/server/limits.h"

#include "millrace/core/limits.h"

namespace millrace {

// A client that vanishes is noticed within two heartbeats.
static_assert(kUnacknowledgedTimeout <= kHeartbeatInterval);

// Any request may have as much as a publish request.
static_assert(kMaxPublishBytes <= kMaxBufferedBodyBytes && kMaxBufferedBodyBytes <= kMaxBodyBytes);

// The largest request and the largest response that a loop buffers have room many times.
static_assert(16 * (kMaxBufferedBodyBytes + kMaxRequestHeadBytes) <= kMaxBufferedBytes);
static_assert(16 * kMaxBufferedResponseBytes <= kMaxBufferedBytes && kMaxBodyBytes <= kMaxBufferedBytes);
// All streams have half of it.
static_assert(16 * kMaxStreamBufferBytes <= kMaxBufferedBytes / 2);
static_assert(kStreamRoomBytes < kMaxStreamBufferBytes);
static_assert(kMaxRequestHeadBytes <= kUncountedBufferBytes);

// An event that may be published can be read, kept, and resumed from.
static_assert(kMaxPublishBytes <= kMaxEventBytes && kMaxPublishBytes <= kHistoryBytes);
static_assert(kMaxEventIdBytes + kMaxEventTypeBytes + kMaxTopicBytes < kMaxRequestHeadBytes);

static_assert(kMaxConnectionsPerAddress <= kMaxConnections && kMaxStreamsPerUser <= kMaxConnections);

}  // namespace millrace
