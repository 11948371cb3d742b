// The bounds of the native client. Most are defaults of EventSourceOptions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

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
static_assert(kMaxExplanationBytes <= kMaxRefusalBytes);

/// Events that may wait for next(). At the bound the source stops reading, so that the server must wait. It still
/// accepts events of the same piece (see kDecodedPieceBytes).
inline constexpr std::size_t kMaxWaitingEvents = 1024;

/// Bytes of memory of events that wait for next(), by default; at the bound the same happens as at kMaxWaitingEvents.
inline constexpr std::size_t kMaxWaitingBytes = 16 * 1024 * 1024;

/// Topics of one event that a ReceivedEvent has; further ones are left out. A Millrace server sends at most as many.
inline constexpr std::size_t kMaxReceivedTopics = 16;

/// Bytes of a stream that a source handles before the other sources of its thread have their turn.
inline constexpr std::size_t kStreamBytesPerTurn = 1024 * 1024;

/// Most bytes decoded from a compressed body at once. The client decodes the next piece when the source has taken this
/// one.
inline constexpr std::size_t kDecodedPieceBytes = 16 * 1024;

/// Connections that one thread of an EventSourcePool makes at once; others wait for their turn.
inline constexpr std::size_t kMaxConnectionsBeingMade = 128;

/// Time for a server to answer the first request on a new connection. Until then the other sources of a pool's thread
/// for that server do not begin a request; they need to know whether, and how many of them, the connection takes.
inline constexpr Duration kSettingsWait{500};
static_assert(kSettingsWait < kConnectTimeout);

/// Most streams of one HTTP/2 connection of a pool's thread, if the server allows as many.
inline constexpr std::size_t kMaxStreamsPerConnection = 1'000;

/// Most threads of an EventSourcePool.
inline constexpr std::size_t kMaxPoolThreads = 64;

/// Bytes that a source with its own thread reads at once.
inline constexpr std::size_t kReceiveBufferBytes = 64 * 1024;

/// Bytes that a source of a pool reads at once; each source has a buffer of this size.
inline constexpr std::size_t kPooledReceiveBufferBytes = 4 * 1024;
static_assert(kPooledReceiveBufferBytes <= kReceiveBufferBytes && kReceiveBufferBytes <= kStreamBytesPerTurn);
static_assert(kDecodedPieceBytes <= kStreamBytesPerTurn);

}  // namespace millrace
