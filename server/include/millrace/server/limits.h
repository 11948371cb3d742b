// The server's bounds that users can reach. Most are defaults of ServerOptions; docs/operations.md and docs/protocol.md
// say what happens at each.
//
// The header of each part of the server has the bounds of that part alone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

/// Longest time that an option can be, about 100 years; a longer one is refused, because its sum with the present time
/// could overflow.
inline constexpr Duration kMaxOptionTime = std::chrono::hours(876'000);

/// Largest request head (request line and headers) in bytes; beyond it the answer is 431.
inline constexpr std::size_t kMaxRequestHeadBytes = 16 * 1024;

/// Time from the first byte (or from accepting the connection) until the request head must be complete; then 408.
inline constexpr Duration kRequestHeadDeadline{10'000};

/// Time from then until the part of the body that the event loop collects must be complete; then 408.
inline constexpr Duration kRequestBodyDeadline{30'000};

/// Time from accepting a connection until its TLS handshake must be complete; then the server closes the connection.
inline constexpr Duration kTlsHandshakeDeadline{10'000};

/// TLS handshakes at once, on all event loops together. For one more, the server closes the connection whose client it
/// has waited for longest.
inline constexpr std::size_t kMaxTlsHandshakes = 4'096;

/// Largest file or text of certificates or of a key, in bytes.
inline constexpr std::size_t kMaxPemBytes = 1024 * 1024;

/// Steps of TLS handshakes (each at most about 0.3 ms) that an event loop takes before it serves its sockets.
inline constexpr std::size_t kTlsHandshakesPerTurn = 8;

/// The same while events wait to be written.
inline constexpr std::size_t kTlsHandshakesBesideEvents = 1;

/// Largest request body that the event loop collects before a worker gets the request, in bytes. The worker reads a
/// larger body, like any cpp-httplib upload.
inline constexpr std::size_t kMaxBufferedBodyBytes = 1024 * 1024;

/// Largest body of any request, in bytes, as sent and as decoded; beyond it the answer is 413.
inline constexpr std::uint64_t kMaxBodyBytes = 32 * 1024 * 1024;

/// The server reports connections that begin with another protocol (TLS, HTTP/2) at most once in this time.
inline constexpr Duration kForeignProtocolNoticeInterval{60'000};

/// Largest body of a publish request, in bytes; beyond it the answer is 413.
inline constexpr std::size_t kMaxPublishBytes = 1024 * 1024;

/// Longest name that a subscriber may give itself, in bytes.
inline constexpr std::size_t kMaxClientNameBytes = 128;

/// Longest SubscribeOptions::id_prefix, in bytes: leaves room for any cursor after it.
inline constexpr std::size_t kMaxIdPrefixBytes = 160;

/// Largest note that a subscriber may have presence report, as JSON, in bytes; beyond it the answer is 400.
inline constexpr std::size_t kMaxNoteBytes = 256;

/// An idle keep-alive connection is closed after this long.
inline constexpr Duration kKeepAliveTimeout{60'000};

/// Most requests on one keep-alive connection.
inline constexpr std::size_t kKeepAliveRequests = 100'000;

/// Interval of heartbeats on idle event streams.
inline constexpr Duration kHeartbeatInterval{15'000};

/// Reconnection time of a poll, which ends after it has delivered something.
inline constexpr Duration kPollRetry{100};

/// The server closes an event stream whose client's machine has not acknowledged bytes or a window probe for this long.
/// At most one heartbeat, so that the server notices a lost client within two.
inline constexpr Duration kUnacknowledgedTimeout{15'000};

/// Bytes, for all readers together, of events that have left the log but that slow readers have only partly received.
/// Beyond it the server cuts the readers furthest behind; they reconnect and resume.
inline constexpr std::size_t kMaxPinnedBytes = 64 * 1024 * 1024;

/// Bytes of a response that the event loop writes to a slow client while the worker continues; for more bytes the
/// worker waits.
inline constexpr std::size_t kMaxBufferedResponseBytes = 1024 * 1024;

/// Bytes of requests and responses in progress, for all connections together.
inline constexpr std::size_t kMaxBufferedBytes = 256 * 1024 * 1024;

/// Bytes of each connection that are not counted as buffered, because the number of connections bounds them.
inline constexpr std::size_t kUncountedBufferBytes = 16 * 1024;

/// Bytes of presence in memory: topics with listeners, and names of listeners. Beyond it the server serves a
/// subscription as usual, but presence does not report it.
inline constexpr std::size_t kPresenceBytes = 64 * 1024 * 1024;

/// Time for an application to answer a question of an HttpAuthorizer; then the client gets 503.
inline constexpr Duration kAuthorizationTimeout{5'000};

/// Questions to the application at once; for one more, the client gets 503. One client address has at most three
/// quarters of them (429).
inline constexpr std::size_t kMaxAuthorizationsAtOnce = 4;

/// Answers of the application that are kept; beyond it the oldest is forgotten.
inline constexpr std::size_t kMaxAuthorizationsKept = 10'000;

/// Longest time that an answer is kept, even if the application allows more.
inline constexpr Duration kMaxAuthorizationAge{3'600'000};

/// Pause before a question to an application that could not be reached for the last one.
inline constexpr Duration kAuthorizationPause{1'000};

/// Shortest secret that signs webhook requests, in bytes.
inline constexpr std::size_t kShortestWebhookSecret = 16;

/// Events that wait for the webhooks' application; beyond it events are dropped, and counted.
inline constexpr std::size_t kMaxWebhookEvents = 10'000;

/// Bytes of these events, as JSON; beyond it the same happens.
inline constexpr std::size_t kMaxWebhookBytes = 8 * 1024 * 1024;

/// Events of one client (a user, an IPv4 address or an IPv6 /64) that wait for it; beyond it events of this client are
/// dropped, and counted. All events that nobody has received count as those of one client.
inline constexpr std::size_t kMaxWebhookEventsPerClient = kMaxWebhookEvents / 2;

/// Bytes of these events, as JSON; beyond it the same happens.
inline constexpr std::size_t kMaxWebhookBytesPerClient = kMaxWebhookBytes / 2;

/// Events of one request to it, and their bytes; a single event may be larger.
inline constexpr std::size_t kWebhookBatchEvents = 500;
inline constexpr std::size_t kWebhookBatchBytes = 256 * 1024;  ///< as JSON

/// Time for it to answer; then the server sends the request again.
inline constexpr Duration kWebhookTimeout{10'000};

/// Attempts to deliver a batch, with pauses of 1 s to 60 s; then it is dropped.
inline constexpr int kMaxWebhookAttempts = 10;

/// Time to deliver waiting events when the server ends; a request already sent may take kWebhookTimeout.
inline constexpr Duration kWebhookFarewell{2'000};

/// Topics and publishers with the same publisher's ID that the log checks for a client that resumes by this ID; if
/// there are more, the ID counts as unknown.
inline constexpr std::size_t kMaxIdHolders = 1'024;

/// Topics of one event; an event with more is refused (400).
inline constexpr std::size_t kMaxTopicsPerEvent = 16;

/// Bytes of the topics of one event together; beyond it the same happens.
inline constexpr std::size_t kMaxTopicBytesPerEvent = 4 * 1024;

/// Topics whose newest event is retained beyond the log's bounds; an event of one more topic is refused (507).
inline constexpr std::size_t kMaxRetainedTopics = 10'000;

/// Bytes of these events, as sent, with their topics and IDs; beyond it the same happens.
inline constexpr std::size_t kMaxRetainedBytes = 16 * 1024 * 1024;

/// Events that the log in memory keeps.
inline constexpr std::size_t kHistoryEvents = 100'000;

/// Bytes of encoded events that the log in memory keeps.
inline constexpr std::size_t kHistoryBytes = 64 * 1024 * 1024;

/// Bytes that a store may use on disk. It removes the oldest events first.
inline constexpr std::size_t kStoreBytes = 1024 * 1024 * 1024;

/// Interval between attempts of a failing store.
inline constexpr Duration kStoreRetry{1'000};

/// A request-scoped stream has room while at most this many of its bytes wait for the reader.
inline constexpr std::size_t kStreamRoomBytes = 16 * 1024;

/// Bytes of a request-scoped stream that may wait for a slow reader; beyond it `send` cuts the stream.
inline constexpr std::size_t kMaxStreamBufferBytes = 1024 * 1024;

/// Connections of a server at once; beyond it the answer is 503.
inline constexpr std::size_t kMaxConnections = 100'000;

/// Connections from one client address (IPv6: one /64 network); beyond it the answer is 429.
inline constexpr std::size_t kMaxConnectionsPerAddress = 25'000;

/// Open event streams of one user on the hub; beyond it the answer is 429.
inline constexpr std::size_t kMaxStreamsPerUser = 1'000;

/// Requests that wait for a worker to read their body; beyond it the answer is 503.
inline constexpr std::size_t kMaxWaitingUploads = 64;

// --- HTTP/2 -----------------------------------------------------------------------------------------------------

/// Open streams of one connection, plus requests whose stream is over but whose worker still runs; beyond it the server
/// refuses a request (REFUSED_STREAM), which the client may repeat. Default of http.max_http2_streams, and its largest.
inline constexpr std::size_t kHttp2MaxStreams = 1'000;

/// Bytes of a request's body on one stream that the server has not read yet; beyond it the client waits.
inline constexpr std::size_t kHttp2StreamWindowBytes = 65'535;

/// The same on all streams of a connection together.
inline constexpr std::size_t kHttp2ConnectionWindowBytes = 1024 * 1024;

/// Bytes that an event loop collects for one connection before sending them; beyond it the connection's streams wait.
inline constexpr std::size_t kHttp2GatherBytes = 256 * 1024;

/// Bytes of a response that a worker leaves for its stream; beyond it the worker waits.
inline constexpr std::size_t kHttp2PipeBytes = 64 * 1024;

/// A stream with this many bytes in flight cannot use the last eighth of the client's window for all streams (at its
/// widest), so that a few stalled readers leave room for the others.
inline constexpr std::int64_t kHttp2StreamInFlightBytes = 64 * 1024;

/// Largest compressed field section of a request, in bytes; beyond it the connection ends (ENHANCE_YOUR_CALM). Decoded,
/// it is bounded like a request head (431).
inline constexpr std::size_t kHttp2MaxFieldBlockBytes = 64 * 1024;

/// Frames of one field section; beyond it the same happens.
inline constexpr std::size_t kHttp2MaxFieldBlockFrames = 64;

/// Client frames without content (PING, SETTINGS and each of its values, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty
/// DATA, unknown frames) that may arrive at once, and per second; beyond it the connection ends (ENHANCE_YOUR_CALM).
inline constexpr std::size_t kHttp2ControlFramesAtOnce = 2'000;
inline constexpr std::size_t kHttp2ControlFramesPerSecond = 500;  ///< further ones

/// Additional such frames allowed for each request, and for each response frame that the server sends.
inline constexpr std::size_t kHttp2ControlFramesEarned = 2;

/// Streams that a client may reset, or make the server reset, at once, and per second; beyond it the connection ends
/// (ENHANCE_YOUR_CALM).
inline constexpr std::size_t kHttp2ResetsAtOnce = 1'000;
inline constexpr std::size_t kHttp2ResetsPerSecond = 100;  ///< further ones

/// Time for a client to acknowledge the server's settings; then the connection ends (SETTINGS_TIMEOUT).
inline constexpr Duration kHttp2SettingsTimeout{10'000};

}  // namespace millrace
