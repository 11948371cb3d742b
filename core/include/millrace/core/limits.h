// Every bound of the protocol, with its default, in one place. docs/protocol.md says what happens at each.
//
// Bounds of a running server (connections, history, deadlines) are options with the defaults named here.
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

// --- JSON -------------------------------------------------------------------------------------------------------

/// Deepest nesting of JSON that is read, wherever it comes from.
inline constexpr int kMaxJsonDepth = 64;

/// Largest JSON text that the other side's program says something in (a gap, a refusal, an answer), in bytes. A larger
/// one is treated like a text that is not JSON.
inline constexpr std::size_t kMaxJsonBytes = 64 * 1024;

// --- Topics -----------------------------------------------------------------------------------------------------

/// Longest topic or topic pattern, in bytes.
inline constexpr std::size_t kMaxTopicBytes = 256;

/// Most patterns one subscription may name.
inline constexpr std::size_t kMaxTopicsPerSubscription = 64;

/// Segments of a pattern, from its first on, that may be `*`. Matching a topic against all patterns of a server takes
/// at most two to the power of this many ways through their tree, whoever has chosen the patterns.
inline constexpr std::size_t kMaxWildcardDepth = 8;

// --- Reconnection -----------------------------------------------------------------------------------------------

/// Reconnection time until the server sends a `retry` field.
inline constexpr Duration kDefaultReconnectionTime{3'000};

/// Largest reconnection time a `retry` field can set: what a 32-bit millisecond timer holds (24.8 days). Longer ones
/// are cut to it, so that none overflows a timer into an immediate reconnect.
inline constexpr Duration kMaxReconnectionTime{0x7fff'ffff};

/// Cap on the exponential part of the backoff. A server's `retry` above it is still honoured.
inline constexpr Duration kMaxBackoff{60'000};

/// What the exponential part grows from when the reconnection time is shorter (a `retry: 0` must not become a storm).
inline constexpr Duration kMinBackoff{250};

/// Connections that end as soon as they have brought an event follow one another in earnest (as polls do) if the
/// reconnection time is at least this long; else they count as one failure.
inline constexpr Duration kMinPause{20};

/// A connection open this long counts as stable: the next reconnection starts from the reconnection time again.
inline constexpr Duration kStablePeriod{5'000};

/// Silence after which a client counts a connection as dead where the server has said its heartbeat and the user
/// nothing else: this many percent of the heartbeat, so that one which is late does no harm.
inline constexpr int kIdlePercentOfHeartbeat = 250;

/// Events that a client remembers, so as to leave out those that come again after a reconnection.
inline constexpr std::size_t kReplayWindowEvents = 1024;

// --- Native client ----------------------------------------------------------------------------------------------

/// Time a connection (name lookup, TCP and TLS) may take to be made, by default.
inline constexpr Duration kConnectTimeout{10'000};

/// Redirects followed for one attempt; one more is a network error. [Fetch 4.4]
inline constexpr int kMaxRedirects = 20;

/// Largest response head a client accepts, in bytes, with the trailers behind the body and the heads of interim
/// responses.
inline constexpr std::size_t kMaxResponseHeadBytes = 64 * 1024;

/// Bytes that a client reads of the body of a refusal, to report the server's explanation.
inline constexpr std::size_t kMaxRefusalBytes = 4 * 1024;

/// Time that a client waits for the body of a refusal.
inline constexpr Duration kRefusalTimeout{1'000};

/// Longest explanation that a client reports, in bytes.
inline constexpr std::size_t kMaxExplanationBytes = 300;

/// Events that may wait for next(). Once so many do, the source reads no further, and the server has to wait. What came
/// in the same piece (see kDecodedPieceBytes) is still taken.
inline constexpr std::size_t kMaxWaitingEvents = 1024;

/// Bytes of memory that events which wait for next() may take, by default; beyond it as beyond kMaxWaitingEvents.
inline constexpr std::size_t kMaxWaitingBytes = 16 * 1024 * 1024;

/// Bytes of a stream that a source deals with before the others of its thread have their turn.
inline constexpr std::size_t kStreamBytesPerTurn = 1024 * 1024;

/// Most bytes that a compressed body is decoded to at once. The next piece is decoded when this one has been taken.
inline constexpr std::size_t kDecodedPieceBytes = 16 * 1024;

/// Connections one thread of an EventSourcePool makes at once; further ones wait for their turn.
inline constexpr std::size_t kMaxConnectionsBeingMade = 128;

/// Most threads of an EventSourcePool.
inline constexpr std::size_t kMaxPoolThreads = 64;

/// Bytes that a source with a thread of its own reads at once.
inline constexpr std::size_t kReceiveBufferBytes = 64 * 1024;

/// Bytes that a source of a pool reads at once; each of them holds a buffer of that size.
inline constexpr std::size_t kPooledReceiveBufferBytes = 4 * 1024;

// --- Server defaults --------------------------------------------------------------------------------------------

/// Largest request head (request line and headers) in bytes; beyond it the answer is 431.
inline constexpr std::size_t kMaxRequestHeadBytes = 16 * 1024;

/// Time from the first byte (or from accepting) until the request head must be whole; then 408.
inline constexpr Duration kRequestHeadDeadline{10'000};

/// Time from there until the body must be whole, as far as the event loop collects it; then 408.
inline constexpr Duration kRequestBodyDeadline{30'000};

/// Largest request body the event loop itself collects before a worker sees the request, in bytes. A larger one is
/// read by the worker, like any cpp-httplib upload.
inline constexpr std::size_t kMaxBufferedBodyBytes = 1024 * 1024;

/// Largest body of any request, in bytes: as it is sent, and as it is once decoded; beyond it the answer is 413.
inline constexpr std::uint64_t kMaxBodyBytes = 32 * 1024 * 1024;

/// Bytes of a body that are read, or decoded, at once.
inline constexpr std::size_t kBodyPieceBytes = 4 * 1024;

/// Connections that begin with another protocol (TLS, HTTP/2) are reported to the program this often at most.
inline constexpr Duration kForeignProtocolNoticeInterval{60'000};

/// Largest body of a publish request that an event loop reads itself, in bytes: a larger one would hold up its other
/// sockets for more than some milliseconds, and goes to a worker.
inline constexpr std::size_t kMaxDirectBodyBytes = 64 * 1024;

/// Requests of one connection that an event loop answers before the others get their turn.
inline constexpr int kDirectRequestsPerTurn = 64;

/// Largest body of a publish request, in bytes; beyond it the answer is 413.
inline constexpr std::size_t kMaxPublishBytes = 1024 * 1024;

/// Longest name a subscriber may give itself, in bytes.
inline constexpr std::size_t kMaxClientNameBytes = 128;

/// An idle keep-alive connection is closed after this long.
inline constexpr Duration kKeepAliveTimeout{60'000};

/// Most requests on one keep-alive connection.
inline constexpr std::size_t kKeepAliveRequests = 100'000;

/// A connection that the server has finished with may take this long to be closed by the client.
inline constexpr Duration kLingerTimeout{2'000};

/// Interval of heartbeats on idle event streams.
inline constexpr Duration kHeartbeatInterval{15'000};

/// Reconnection time of a stream that is polled: it ends each time it has carried something.
inline constexpr Duration kPollRetry{100};

/// An event stream counts as dead once the client's machine has owed a sign of life (for bytes sent, or to the question
/// whether there is room again) for this long. Not more than a heartbeat, so that it is noticed within two.
inline constexpr Duration kUnacknowledgedTimeout{15'000};

/// Shortest pause before a client that has stopped reading is asked again for a sign of life, which is half a
/// heartbeat: the system's own bound.
inline constexpr Duration kMinRetransmissionPause{1'000};

/// Longest such pause: the system's own bound.
inline constexpr Duration kMaxRetransmissionPause{120'000};

/// Events that may wait for an event loop which is busy. Beyond it, the loop's subscribers read on from the log: they
/// are catching up.
inline constexpr std::size_t kMaxPostedFrames = 16'384;

/// Bytes of events that may wait for an event loop which is busy; beyond it as beyond kMaxPostedFrames.
inline constexpr std::size_t kMaxPostedBytes = 32 * 1024 * 1024;

/// Work that an event loop spends on reading the log for those who catch up, between two looks at its sockets and live
/// subscribers: steps of matching, and kWorkPerFrame for each event that is handed on. A page of the log ends after
/// half of it.
inline constexpr std::size_t kReadWorkPerTurn = 8'192;

/// Steps of kReadWorkPerTurn that an event costs which is handed on.
inline constexpr std::size_t kWorkPerFrame = 16;

/// Bytes of events that have left the log, but that slow readers have half read, for all of them together. Beyond it
/// those who are furthest behind are cut; they come back and resume.
inline constexpr std::size_t kMaxPinnedBytes = 64 * 1024 * 1024;

/// Connections beyond the bounds that are being told so (503, 429) at once; beyond it they are closed without a word.
inline constexpr std::size_t kMaxTurnedAway = 1'000;

/// Pause before the next connection is accepted where the system has no descriptor or memory for it.
inline constexpr Duration kAcceptPause{10};

/// Bytes of a response that the event loop writes to a slow client while the worker goes on; for what is beyond, the
/// worker waits.
inline constexpr std::size_t kMaxBufferedResponseBytes = 1024 * 1024;

/// Bytes of requests and responses that all connections together hold while they come in and go out.
inline constexpr std::size_t kMaxBufferedBytes = 256 * 1024 * 1024;

/// Bytes of each connection that do not count as buffered: what is small is bounded by the number of connections.
inline constexpr std::size_t kUncountedBufferBytes = 16 * 1024;

/// What a client must take of a response on average, in bytes a second, once the time for a request's body has passed
/// in waiting, be it a worker's or the event loop's; else its connection is cut.
inline constexpr std::size_t kMinDownloadBytesPerSecond = 4 * 1024;

/// Time for which changes of presence are collected before they are reported.
inline constexpr Duration kPresenceInterval{250};

/// Bytes of presence events that one interval makes, or one event more. The rest waits for the next interval, in which
/// a topic's changes are one event still.
inline constexpr std::size_t kPresenceIntervalBytes = 256 * 1024;

/// Bytes that presence takes in memory: topics that are listened to, and names of listeners. Beyond it, a subscription
/// is served as ever, but presence does not report it.
inline constexpr std::size_t kPresenceBytes = 64 * 1024 * 1024;

/// Of these, bytes of changes, and of topics without a listener, that are kept for subscribers of presence that are
/// slow. Beyond it they get the state anew.
inline constexpr std::size_t kPresenceChangesBytes = 1024 * 1024;

/// Bytes of names in one presence event, as JSON; further ones are only counted.
inline constexpr std::size_t kPresenceEventBytes = 64 * 1024;

/// Topics and publishers with the same publisher's ID that are looked at for one client that resumes by it; where there
/// are more, the ID counts as unknown to it.
inline constexpr std::size_t kMaxIdHolders = 1'024;

/// Events the in-memory log keeps.
inline constexpr std::size_t kHistoryEvents = 100'000;

/// Bytes of encoded events the in-memory log keeps.
inline constexpr std::size_t kHistoryBytes = 64 * 1024 * 1024;

/// Bytes that a store may take on its disk. The oldest events go first.
inline constexpr std::size_t kStoreBytes = 1024 * 1024 * 1024;

/// A store that cannot do its work tries again this often.
inline constexpr Duration kStoreRetry{1'000};

/// Entries that a store makes durable together; a request of more goes alone.
inline constexpr std::size_t kStoreGroupEntries = 1'024;

/// Bytes of data that a store makes durable together; a request of more goes alone.
inline constexpr std::size_t kStoreGroupBytes = 4 * 1024 * 1024;

/// Pages of a store (each of 64 events and 256 KiB, or one event more) that are on their way to those who catch up, at
/// once.
inline constexpr std::size_t kStoredPagesInFlight = 32;

/// Time for a connection to one of a store's servers.
inline constexpr Duration kStoreConnectTimeout{2'000};

/// Pause between two attempts to connect to a store's servers.
inline constexpr Duration kStoreReconnectWait{250};

/// Time for a store's server to answer a question.
inline constexpr Duration kStoreAnswerTimeout{2'000};

/// Time for a store's server to acknowledge an event.
inline constexpr Duration kStoreAckTimeout{5'000};

/// A store that other programs append to says this often that there is nothing new. Three that fail to come are a
/// connection that is lost.
inline constexpr Duration kStoreHeartbeat{500};

/// Time that a program which starts gives a store's servers to agree who leads them.
inline constexpr Duration kStoreStartTimeout{10'000};

/// Time for which a store of several servers knows by itself that an event with the same publisher's ID has come.
inline constexpr Duration kStoreDuplicateWindow{120'000};

/// Largest answer of a store's server to a question, in bytes.
inline constexpr std::size_t kMaxStoreAnswerBytes = 1024 * 1024;

/// Bytes of events that have come from a store's servers, and wait to be looked at.
inline constexpr std::size_t kStorePendingBytes = 64 * 1024 * 1024;

/// Most copies that a store of several servers keeps of each event.
inline constexpr std::size_t kMaxStoreReplicas = 5;

/// Smallest event that is compressed for streams of gzip, in bytes as it goes over the wire: of smaller ones, of which
/// nothing can be said in terms of others, little or nothing is saved.
inline constexpr std::size_t kMinGzipBytes = 256;

/// Bytes of a request-scoped stream that may wait for a slow reader before `send` refuses.
inline constexpr std::size_t kMaxStreamBufferBytes = 1024 * 1024;

/// Connections a server holds at once; beyond it the answer is 503.
inline constexpr std::size_t kMaxConnections = 100'000;

// --- Authorization ----------------------------------------------------------------------------------------------

/// Shortest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMinKeyBytes = 16;

/// Longest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMaxKeyBytes = 1024;

/// Largest file of keys, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 1024 * 1024;

/// Shortest secret that tokens are signed with by HS256, in bytes. [RFC 7518 3.2]
inline constexpr std::size_t kMinTokenSecretBytes = 32;

/// Shortest RSA key that tokens are signed with by RS256, in bits. [RFC 7518 3.3]
inline constexpr int kMinRsaKeyBits = 2048;

/// Most keys that tokens are checked against.
inline constexpr std::size_t kMaxTokenKeys = 32;

/// A token whose `nbf` is this far in the future counts already: the issuer's clock may be ahead.
inline constexpr Duration kMaxClockSkew{5'000};

// --- Fair shares of a server ------------------------------------------------------------------------------------

/// Connections one client address (of IPv6: one /64 network) may hold; beyond it the answer is 429.
inline constexpr std::size_t kMaxConnectionsPerAddress = 25'000;

/// Event streams on the hub one user may have open; beyond it the answer is 429.
inline constexpr std::size_t kMaxStreamsPerUser = 1'000;

/// Publishers whose rate is watched at once; beyond it the one that could publish a whole burst soonest is forgotten.
inline constexpr std::size_t kMaxWatchedPublishers = 10'000;

/// Requests whose body a worker has to read that wait for their turn; beyond it the answer is 503.
inline constexpr std::size_t kMaxWaitingUploads = 64;

/// What a worker must get of such a body on average, in bytes a second, once the body deadline has passed; else 408.
inline constexpr std::size_t kMinUploadBytesPerSecond = 4 * 1024;

/// Shortest wait that a Retry-After asks for where nothing else is known; up to twice that is added at random.
inline constexpr Duration kRetryAfter{2'000};

/// Open event streams about which an authorizer whose rights have changed is asked again before other requests get
/// their turn.
inline constexpr std::size_t kRightsAskedAtOnce = 64;

/// Largest body of a request that ends the streams of a user, a client or a topic, in bytes; beyond it the answer is
/// 413.
inline constexpr std::size_t kMaxDisconnectBytes = 4 * 1024;

/// How long a browser may keep the answer to a preflight request.
inline constexpr Duration kPreflightMaxAge{7'200'000};

}  // namespace millrace
