// Every bound of the protocol, with its default, in one place. docs/protocol.md says what happens at each bound.
//
// Bounds of a running server (connections, history, deadlines) are options; their defaults are here.
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
/// most two to the power of this many paths in their tree, whatever the patterns are.
inline constexpr std::size_t kMaxWildcardDepth = 8;

/// Longest interval in which a subscriber is handed what is newest.
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

/// If the reconnection time is at least this long, connections that end right after an event (such as polls) do not
/// count as failures. If it is shorter, they count as one failure.
inline constexpr Duration kMinPause{20};

/// A connection that has been open this long is stable: the next wait starts from the reconnection time again.
inline constexpr Duration kStablePeriod{5'000};

/// Silence after which a client treats a connection as dead, in percent of the heartbeat that the server reports,
/// unless the user sets another time. It is above 200, so that one late heartbeat is harmless.
inline constexpr int kIdlePercentOfHeartbeat = 250;

/// Events that a client remembers to recognize replays after a reconnection.
inline constexpr std::size_t kReplayWindowEvents = 1024;

// --- Native client ----------------------------------------------------------------------------------------------

/// Default time for making a connection (name lookup, TCP and TLS).
inline constexpr Duration kConnectTimeout{10'000};

/// Most redirects of one attempt; one more is a network error. [Fetch 4.4]
inline constexpr int kMaxRedirects = 20;

/// Largest response head that a client accepts, in bytes, including trailers after the body and heads of interim
/// responses.
inline constexpr std::size_t kMaxResponseHeadBytes = 64 * 1024;

/// Bytes that a client reads of the body of a refusal, to report the server's explanation.
inline constexpr std::size_t kMaxRefusalBytes = 4 * 1024;

/// Time that a client waits for the body of a refusal.
inline constexpr Duration kRefusalTimeout{1'000};

/// Longest explanation that a client reports, in bytes.
inline constexpr std::size_t kMaxExplanationBytes = 300;

/// Events that may wait for next(). At the bound the source stops reading, and the server has to wait. Events of the
/// same piece (see kDecodedPieceBytes) are still accepted.
inline constexpr std::size_t kMaxWaitingEvents = 1024;

/// Bytes of memory of events that wait for next(), by default; at the bound the same happens as at kMaxWaitingEvents.
inline constexpr std::size_t kMaxWaitingBytes = 16 * 1024 * 1024;

/// Bytes of a stream that a source handles before the other sources of its thread have their turn.
inline constexpr std::size_t kStreamBytesPerTurn = 1024 * 1024;

/// Most bytes that are decoded from a compressed body at once. The next piece is decoded when this one has been taken.
inline constexpr std::size_t kDecodedPieceBytes = 16 * 1024;

/// Connections that one thread of an EventSourcePool makes at once; others wait for their turn.
inline constexpr std::size_t kMaxConnectionsBeingMade = 128;

/// Most streams of one HTTP/2 connection of a pool's thread, if the server allows as many.
inline constexpr std::size_t kMaxStreamsPerConnection = 1'000;

/// Most threads of an EventSourcePool.
inline constexpr std::size_t kMaxPoolThreads = 64;

/// Bytes that a source with its own thread reads at once.
inline constexpr std::size_t kReceiveBufferBytes = 64 * 1024;

/// Bytes that a source of a pool reads at once; each source has a buffer of this size.
inline constexpr std::size_t kPooledReceiveBufferBytes = 4 * 1024;

// --- Server defaults --------------------------------------------------------------------------------------------

/// Largest request head (request line and headers) in bytes; beyond it the answer is 431.
inline constexpr std::size_t kMaxRequestHeadBytes = 16 * 1024;

/// Time from the first byte (or from accepting) until the request head must be complete; then 408.
inline constexpr Duration kRequestHeadDeadline{10'000};

/// Time from then until the part of the body that the event loop collects must be complete; then 408.
inline constexpr Duration kRequestBodyDeadline{30'000};

/// Time from accepting until the TLS handshake must be done; then the server closes the connection.
inline constexpr Duration kTlsHandshakeDeadline{10'000};

/// TLS handshakes at once, on all event loops together. One more closes the connection whose client has kept the server
/// waiting longest.
inline constexpr std::size_t kMaxTlsHandshakes = 4'096;

/// Largest file or text of certificates or of a key, in bytes.
inline constexpr std::size_t kMaxPemBytes = 1024 * 1024;

/// Steps of TLS handshakes, each of at most about 0.3 ms, that an event loop takes before its sockets have their turn.
inline constexpr std::size_t kTlsHandshakesPerTurn = 8;

/// The same while events wait to be written.
inline constexpr std::size_t kTlsHandshakesBesideEvents = 1;

/// Largest request body that the event loop collects before a worker gets the request, in bytes. The worker reads a
/// larger body, like any cpp-httplib upload.
inline constexpr std::size_t kMaxBufferedBodyBytes = 1024 * 1024;

/// Largest body of any request, in bytes, as sent and as decoded; beyond it the answer is 413.
inline constexpr std::uint64_t kMaxBodyBytes = 32 * 1024 * 1024;

/// Bytes of a body that are read, or decoded, at once.
inline constexpr std::size_t kBodyPieceBytes = 4 * 1024;

/// Connections that begin with another protocol (TLS, HTTP/2) are reported to the program at most once in this time.
inline constexpr Duration kForeignProtocolNoticeInterval{60'000};

/// Largest body of a publish request that an event loop reads itself, in bytes. A larger one would block its other
/// sockets for more than a few milliseconds, and goes to a worker.
inline constexpr std::size_t kMaxDirectBodyBytes = 64 * 1024;

/// Requests of one connection that an event loop answers before other connections get their turn.
inline constexpr int kDirectRequestsPerTurn = 64;

/// Largest body of a publish request, in bytes; beyond it the answer is 413.
inline constexpr std::size_t kMaxPublishBytes = 1024 * 1024;

/// Longest name that a subscriber may give itself, in bytes.
inline constexpr std::size_t kMaxClientNameBytes = 128;

/// An idle keep-alive connection is closed after this long.
inline constexpr Duration kKeepAliveTimeout{60'000};

/// Most requests on one keep-alive connection.
inline constexpr std::size_t kKeepAliveRequests = 100'000;

/// Time for the client to close a connection that the server has finished.
inline constexpr Duration kLingerTimeout{2'000};

/// Interval of heartbeats on idle event streams.
inline constexpr Duration kHeartbeatInterval{15'000};

/// Reconnection time of a poll, which ends each time it has carried something.
inline constexpr Duration kPollRetry{100};

/// An event stream is dead if the client's machine has owed an acknowledgement (of bytes, or of the question whether
/// there is room again) for this long. At most one heartbeat, so that the server notices it within two.
inline constexpr Duration kUnacknowledgedTimeout{15'000};

/// Shortest pause before a client that has stopped reading is probed again: the system's own bound. The pause is
/// half a heartbeat.
inline constexpr Duration kMinRetransmissionPause{1'000};

/// Longest such pause: the system's own bound.
inline constexpr Duration kMaxRetransmissionPause{120'000};

/// Events that may wait for a busy event loop. Beyond it the loop's subscribers read from the log: they
/// catch up.
inline constexpr std::size_t kMaxPostedFrames = 16'384;

/// Bytes of events that may wait for a busy event loop; beyond it the same happens as beyond kMaxPostedFrames.
inline constexpr std::size_t kMaxPostedBytes = 32 * 1024 * 1024;

/// Work that an event loop spends on reading the log for subscribers that catch up, before its sockets and live
/// subscribers have their turn: one for each step of matching, and kWorkPerFrame for each delivered event. A page of
/// the log ends after half of it.
inline constexpr std::size_t kReadWorkPerTurn = 8'192;

/// Steps of kReadWorkPerTurn that an event costs which is handed on.
inline constexpr std::size_t kWorkPerFrame = 16;

/// Bytes of events that have left the log, but that slow readers have received only a part of, for all readers
/// together. Beyond it the server cuts those furthest behind; they reconnect and resume.
inline constexpr std::size_t kMaxPinnedBytes = 64 * 1024 * 1024;

/// Connections beyond the bounds that get an answer (503, 429) at once; more are closed without an answer.
inline constexpr std::size_t kMaxTurnedAway = 1'000;

/// Pause before the next connection is accepted if the system has no descriptor or memory for it.
inline constexpr Duration kAcceptPause{10};

/// Bytes of a response that the event loop writes to a slow client while the worker continues; for more bytes the
/// worker waits.
inline constexpr std::size_t kMaxBufferedResponseBytes = 1024 * 1024;

/// Bytes of requests and responses in progress, for all connections together.
inline constexpr std::size_t kMaxBufferedBytes = 256 * 1024 * 1024;

/// Bytes of each connection that are not counted as buffered, because the number of connections bounds them.
inline constexpr std::size_t kUncountedBufferBytes = 16 * 1024;

/// Average speed in bytes a second at which a client must read a response, once a worker or the event loop has waited
/// for the time of a request's body; otherwise its connection is cut.
inline constexpr std::size_t kMinDownloadBytesPerSecond = 4 * 1024;

/// Time for which changes of presence are collected before they are reported.
inline constexpr Duration kPresenceInterval{250};

/// Bytes of presence events that one interval makes, or one event more. The rest waits for the next interval, in which
/// a topic's changes are still one event.
inline constexpr std::size_t kPresenceIntervalBytes = 256 * 1024;

/// Bytes of presence in memory: topics with listeners, and names of listeners. Beyond it the server serves a
/// subscription as usual, but presence does not report it.
inline constexpr std::size_t kPresenceBytes = 64 * 1024 * 1024;

/// Of these, bytes of changes, and of topics without a listener, that are kept for slow subscribers of presence. Beyond
/// it they get the whole state again.
inline constexpr std::size_t kPresenceChangesBytes = 1024 * 1024;

/// Bytes of names in one presence event, as JSON; further listeners are only counted.
inline constexpr std::size_t kPresenceEventBytes = 64 * 1024;

/// Topics and publishers with the same publisher's ID that are checked for a client that resumes by this ID; if there
/// are more, the ID counts as unknown.
inline constexpr std::size_t kMaxIdHolders = 1'024;

/// Events that the log in memory keeps.
inline constexpr std::size_t kHistoryEvents = 100'000;

/// Bytes of encoded events that the log in memory keeps.
inline constexpr std::size_t kHistoryBytes = 64 * 1024 * 1024;

/// Topics whose newest event is retained beyond the log's bounds; an event beyond them is refused (507).
inline constexpr std::size_t kMaxRetainedTopics = 10'000;

/// Bytes of these events, as they are sent, with their topics and IDs; beyond them the same happens.
inline constexpr std::size_t kMaxRetainedBytes = 16 * 1024 * 1024;

/// Bytes that a store may take on its disk. It removes the oldest events first.
inline constexpr std::size_t kStoreBytes = 1024 * 1024 * 1024;

/// A store that fails tries again this often.
inline constexpr Duration kStoreRetry{1'000};

/// Entries that a store commits together; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupEntries = 1'024;

/// Bytes of data that a store commits together; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupBytes = 4 * 1024 * 1024;

/// Pages of a store (each of 64 events and 256 KiB, or one event more) that are in flight to subscribers that catch up,
/// at once.
inline constexpr std::size_t kStoredPagesInFlight = 32;

/// Time for connecting to one of a store's servers.
inline constexpr Duration kStoreConnectTimeout{2'000};

/// Pause between two attempts to connect to a store's servers.
inline constexpr Duration kStoreReconnectWait{250};

/// Time for a store's server to answer a request.
inline constexpr Duration kStoreAnswerTimeout{2'000};

/// Time for a store's server to acknowledge an event.
inline constexpr Duration kStoreAckTimeout{5'000};

/// A store that other programs append to sends a heartbeat this often. If three are missing, the connection counts as
/// lost.
inline constexpr Duration kStoreHeartbeat{500};

/// Time that a starting program gives a store's servers to elect a leader.
inline constexpr Duration kStoreStartTimeout{10'000};

/// Time for which a store of several servers itself recognizes events with the same publisher's ID.
inline constexpr Duration kStoreDuplicateWindow{120'000};

/// Largest answer of a store's server to a request, in bytes.
inline constexpr std::size_t kMaxStoreAnswerBytes = 1024 * 1024;

/// Bytes of events from a store's servers that wait to be handled.
inline constexpr std::size_t kStorePendingBytes = 64 * 1024 * 1024;

/// Most copies of each event in a store of several servers.
inline constexpr std::size_t kMaxStoreReplicas = 5;

/// Smallest event that is compressed for gzip streams, in bytes on the wire. Compressing smaller events, each by
/// itself, saves little or nothing.
inline constexpr std::size_t kMinGzipBytes = 256;

/// A request-scoped stream has room for more while at most this many bytes of it wait for its reader.
inline constexpr std::size_t kStreamRoomBytes = 16 * 1024;

/// Bytes of a request-scoped stream that may wait for a slow reader before `send` cuts it.
inline constexpr std::size_t kMaxStreamBufferBytes = 1024 * 1024;

/// Connections of a server at once; beyond it the answer is 503.
inline constexpr std::size_t kMaxConnections = 100'000;

// --- Authorization ----------------------------------------------------------------------------------------------

/// Shortest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMinKeyBytes = 16;

/// Longest key of a KeyAuthorizer, in bytes.
inline constexpr std::size_t kMaxKeyBytes = 1024;

/// Largest file of keys, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 1024 * 1024;

/// Shortest secret for tokens signed with HS256, in bytes. [RFC 7518 3.2]
inline constexpr std::size_t kMinTokenSecretBytes = 32;

/// Shortest RSA key for tokens signed with RS256, in bits. [RFC 7518 3.3]
inline constexpr int kMinRsaKeyBits = 2048;

/// Most keys for checking tokens.
inline constexpr std::size_t kMaxTokenKeys = 32;

/// A token whose `nbf` is this far in the future is already valid: the issuer's clock may be ahead.
inline constexpr Duration kMaxClockSkew{5'000};

// --- HTTP/2 -----------------------------------------------------------------------------------------------------

/// Streams of one connection that are open at a time, and requests whose stream is over but whose worker is not; beyond
/// it a request is refused (REFUSED_STREAM), and the client may repeat it.
inline constexpr std::size_t kHttp2MaxStreams = 1'000;

/// Bytes of a request's body on one stream that the server has not read yet; beyond it the client waits.
inline constexpr std::size_t kHttp2StreamWindowBytes = 65'535;

/// The same on all streams of a connection together.
inline constexpr std::size_t kHttp2ConnectionWindowBytes = 1024 * 1024;

/// Bytes that an event loop collects for one connection before it sends them; beyond it the connection's streams wait.
inline constexpr std::size_t kHttp2GatherBytes = 256 * 1024;

/// A stream with this many bytes on their way does not get the last eighth of what the client's window for all streams
/// has been at its widest: a few stalled readers cannot use up what the others need.
inline constexpr std::int64_t kHttp2StreamInFlightBytes = 64 * 1024;

/// Bytes of a response that a worker leaves for its stream before it has to wait.
inline constexpr std::size_t kHttp2PipeBytes = 64 * 1024;

/// Largest field section of a request as it is compressed, in bytes; beyond it the connection ends
/// (ENHANCE_YOUR_CALM). How large it may be decoded is the bound of request heads (431).
inline constexpr std::size_t kHttp2MaxFieldBlockBytes = 64 * 1024;

/// Frames of one field section; beyond it the same happens.
inline constexpr std::size_t kHttp2MaxFieldBlockFrames = 64;

/// Frames of a client that carry nothing (PING, SETTINGS and each of its values, PRIORITY, WINDOW_UPDATE, RST_STREAM,
/// empty DATA, unknown ones) that may come at once, and a second; beyond it the connection ends (ENHANCE_YOUR_CALM).
inline constexpr std::size_t kHttp2ControlFramesAtOnce = 2'000;
inline constexpr std::size_t kHttp2ControlFramesPerSecond = 500;  ///< further ones

/// Further ones that each request, and each frame that the server sends of a response, allows for.
inline constexpr std::size_t kHttp2ControlFramesEarned = 2;

/// Streams that a client may reset, or make the server reset, at once, and a second; beyond it the connection ends
/// (ENHANCE_YOUR_CALM).
inline constexpr std::size_t kHttp2ResetsAtOnce = 1'000;
inline constexpr std::size_t kHttp2ResetsPerSecond = 100;  ///< further ones

/// Time for a client to acknowledge the server's settings; then the connection ends (SETTINGS_TIMEOUT).
inline constexpr Duration kHttp2SettingsTimeout{10'000};

// --- Fair shares of a server ------------------------------------------------------------------------------------

/// Connections of one client address (IPv6: one /64 network); beyond it the answer is 429.
inline constexpr std::size_t kMaxConnectionsPerAddress = 25'000;

/// Open event streams on the hub of one user; beyond it the answer is 429.
inline constexpr std::size_t kMaxStreamsPerUser = 1'000;

/// Publishers whose rate is tracked; beyond it the one that could publish a whole burst soonest is forgotten.
inline constexpr std::size_t kMaxWatchedPublishers = 10'000;

/// Requests that wait for a worker to read their body; beyond it the answer is 503.
inline constexpr std::size_t kMaxWaitingUploads = 64;

/// Average speed of such a body in bytes a second, once the body deadline has passed; if it is slower, 408.
inline constexpr std::size_t kMinUploadBytesPerSecond = 4 * 1024;

/// Shortest wait in a Retry-After if nothing else is known; a random time of up to twice that is added.
inline constexpr Duration kRetryAfter{2'000};

/// Open event streams that the server asks a changed authorizer about before other requests get
/// their turn.
inline constexpr std::size_t kRightsAskedAtOnce = 64;

/// Largest body of a request that ends the streams of a user, a client or a topic, in bytes; beyond it the answer is
/// 413.
inline constexpr std::size_t kMaxDisconnectBytes = 4 * 1024;

/// How long a browser may keep the answer to a preflight request.
inline constexpr Duration kPreflightMaxAge{7'200'000};

}  // namespace millrace
