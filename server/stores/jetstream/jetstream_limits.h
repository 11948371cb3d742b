// The bounds of a store in JetStream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

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

/// Time for which a store of several servers itself recognizes events with the same publisher's ID.
inline constexpr Duration kStoreDuplicateWindow{120'000};

/// Largest answer of a store's server to a request, in bytes.
inline constexpr std::size_t kMaxStoreAnswerBytes = 1024 * 1024;

/// Bytes of events from a store's servers that wait to be handled.
inline constexpr std::size_t kStorePendingBytes = 64 * 1024 * 1024;

}  // namespace millrace
