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

static_assert(kMaxTopicBytes <= kMaxTopicBytesPerEvent && kMaxPublishBytes <= kMaxRetainedBytes);

// A subscriber's name and its note fit into a URL in which every byte is escaped.
static_assert(3 * (kMaxClientNameBytes + kMaxNoteBytes) < kMaxRequestHeadBytes);

static_assert(kMaxConnectionsPerAddress <= kMaxConnections && kMaxStreamsPerUser <= kMaxConnections);

// Clients do not count the end of a poll as a failure.
static_assert(kPollRetry >= kMinPause);

// While events wait, handshakes go on, at most as fast as otherwise.
static_assert(0 < kTlsHandshakesBesideEvents && kTlsHandshakesBesideEvents <= kTlsHandshakesPerTurn);

// A batch fits into the queue that it is taken from.
static_assert(kWebhookBatchEvents <= kMaxWebhookEvents && kWebhookBatchBytes <= kMaxWebhookBytes);

// One HTTP/2 connection can have all its streams, use their windows, and reset them all at once. Its requests may have
// heads as large as those of HTTP/1.1.
static_assert(kHttp2MaxStreams <= kMaxConnectionsPerAddress && kHttp2MaxStreams <= kHttp2ResetsAtOnce);
static_assert(kHttp2StreamWindowBytes <= kHttp2ConnectionWindowBytes);
static_assert(kMaxRequestHeadBytes <= kHttp2MaxFieldBlockBytes);

}  // namespace millrace
