// The bounds of the server that its users meet. Most are defaults of ServerOptions; docs/operations.md and
// docs/protocol.md say what happens at each.
//
// A bound of a single part of the server stands in the header of that part.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

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

/// Connections that begin with another protocol (TLS, HTTP/2) are reported to the program at most once in this time.
inline constexpr Duration kForeignProtocolNoticeInterval{60'000};

/// Largest body of a publish request, in bytes; beyond it the answer is 413.
inline constexpr std::size_t kMaxPublishBytes = 1024 * 1024;

/// Longest name that a subscriber may give itself, in bytes.
inline constexpr std::size_t kMaxClientNameBytes = 128;

/// An idle keep-alive connection is closed after this long.
inline constexpr Duration kKeepAliveTimeout{60'000};

/// Most requests on one keep-alive connection.
inline constexpr std::size_t kKeepAliveRequests = 100'000;

/// Interval of heartbeats on idle event streams.
inline constexpr Duration kHeartbeatInterval{15'000};

/// Reconnection time of a poll, which ends each time it has carried something.
inline constexpr Duration kPollRetry{100};

/// An event stream is dead if the client's machine has owed an acknowledgement (of bytes, or of the question whether
/// there is room again) for this long. At most one heartbeat, so that the server notices it within two.
inline constexpr Duration kUnacknowledgedTimeout{15'000};

/// Bytes of events that have left the log, but that slow readers have received only a part of, for all readers
/// together. Beyond it the server cuts those furthest behind; they reconnect and resume.
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

/// Topics and publishers with the same publisher's ID that are checked for a client that resumes by this ID; if there
/// are more, the ID counts as unknown.
inline constexpr std::size_t kMaxIdHolders = 1'024;

/// Topics whose newest event is retained beyond the log's bounds; an event beyond them is refused (507).
inline constexpr std::size_t kMaxRetainedTopics = 10'000;

/// Bytes of these events, as they are sent, with their topics and IDs; beyond them the same happens.
inline constexpr std::size_t kMaxRetainedBytes = 16 * 1024 * 1024;

/// Events that the log in memory keeps.
inline constexpr std::size_t kHistoryEvents = 100'000;

/// Bytes of encoded events that the log in memory keeps.
inline constexpr std::size_t kHistoryBytes = 64 * 1024 * 1024;

/// Bytes that a store may take on its disk. It removes the oldest events first.
inline constexpr std::size_t kStoreBytes = 1024 * 1024 * 1024;

/// A store that fails tries again this often.
inline constexpr Duration kStoreRetry{1'000};

/// A request-scoped stream has room for more while at most this many bytes of it wait for its reader.
inline constexpr std::size_t kStreamRoomBytes = 16 * 1024;

/// Bytes of a request-scoped stream that may wait for a slow reader before `send` cuts it.
inline constexpr std::size_t kMaxStreamBufferBytes = 1024 * 1024;

/// Connections of a server at once; beyond it the answer is 503.
inline constexpr std::size_t kMaxConnections = 100'000;

/// Connections of one client address (IPv6: one /64 network); beyond it the answer is 429.
inline constexpr std::size_t kMaxConnectionsPerAddress = 25'000;

/// Open event streams on the hub of one user; beyond it the answer is 429.
inline constexpr std::size_t kMaxStreamsPerUser = 1'000;

/// Requests that wait for a worker to read their body; beyond it the answer is 503.
inline constexpr std::size_t kMaxWaitingUploads = 64;

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

/// Bytes of a response that a worker leaves for its stream before it has to wait.
inline constexpr std::size_t kHttp2PipeBytes = 64 * 1024;

/// A stream with this many bytes on their way does not get the last eighth of what the client's window for all streams
/// has been at its widest: a few stalled readers cannot use up what the others need.
inline constexpr std::int64_t kHttp2StreamInFlightBytes = 64 * 1024;

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

}  // namespace millrace
