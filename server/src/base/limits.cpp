// Compile-time checks of relations between the server's limits on which the documentation relies. Each room's header
// checks the relations of its own limits.
#include "millrace/server/limits.h"

#include "millrace/core/limits.h"

namespace millrace {

// The server notices a lost client within two heartbeats.
static_assert(kUnacknowledgedTimeout <= kHeartbeatInterval);

// Any request may have as much as a publish request.
static_assert(kMaxPublishBytes <= kMaxBufferedBodyBytes && kMaxBufferedBodyBytes <= kMaxBodyBytes);

// The budget has room for many of the largest requests and responses that a loop buffers.
static_assert(16 * (kMaxBufferedBodyBytes + kMaxRequestHeadBytes) <= kMaxBufferedBytes);
static_assert(16 * kMaxBufferedResponseBytes <= kMaxBufferedBytes && kMaxBodyBytes <= kMaxBufferedBytes);
// All streams together may hold half of it.
static_assert(16 * kMaxStreamBufferBytes <= kMaxBufferedBytes / 2);
static_assert(kStreamRoomBytes < kMaxStreamBufferBytes);
static_assert(kMaxRequestHeadBytes <= kUncountedBufferBytes);

// An event that may be published can be read, kept, and resumed from.
static_assert(kMaxPublishBytes <= kMaxEventBytes && kMaxPublishBytes <= kHistoryBytes);
static_assert(kMaxEventIdBytes + kMaxEventTypeBytes + kMaxTopicBytes < kMaxRequestHeadBytes);

static_assert(kMaxConnectionsPerAddress <= kMaxConnections && kMaxStreamsPerUser <= kMaxConnections);

}  // namespace millrace
