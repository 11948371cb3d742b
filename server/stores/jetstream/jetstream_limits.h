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

/// Time for which the stream must lack events that were delivered before they count as lost: a server of NATS that is
/// behind the others catches up sooner.
inline constexpr Duration kStoreLossAfter{3'000};

/// Newest entries of which the time of publication is kept, to find how far the stream has lost what was delivered.
/// Older ones count as still there.
inline constexpr std::size_t kStoreRememberedEntries = 4'096;

/// Time for which a store of several servers itself recognizes events with the same publisher's ID.
inline constexpr Duration kStoreDuplicateWindow{120'000};

/// Largest answer of a store's server to a request, in bytes.
inline constexpr std::size_t kMaxStoreAnswerBytes = 1024 * 1024;

/// Bytes of events from a store's servers that wait to be handled.
inline constexpr std::size_t kStorePendingBytes = 64 * 1024 * 1024;

}  // namespace millrace
