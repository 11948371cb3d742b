// open_redis(): a store in Redis or Valkey, which any number of servers can share. Link `millrace::redis`.
//
//   millrace::Server server({.store = millrace::open_redis("redis://:password@10.0.0.1")});
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/core/time.h"
#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"

namespace millrace {

/// Time for connecting to Redis.
inline constexpr Duration kRedisConnectTimeout{2'000};

/// Time for Redis to answer a command; then the connection counts as lost.
inline constexpr Duration kRedisAnswerTimeout{5'000};

/// Settings of a store in Redis.
struct RedisOptions {
  /// How much the store keeps. If several servers share it, each drops what its own bounds do not allow. `bytes` counts
  /// events with their topics and IDs; Redis's memory for its indexes comes on top. Keep it below Redis's `maxmemory`.
  StoreBounds bounds = {};

  /// Name of the log: its keys are `{NAME}:log`, `{NAME}:events` and others. 1 to 64 letters, digits, - and _. Each
  /// name is a log of its own.
  std::string name = "millrace";

  /// File with the certificates (PEM) of the authorities to trust, for `rediss://`; empty: the system's.
  std::string ca_file = {};

  /// Newest entries that the server reads when it begins to use the store, so that it serves resuming clients from
  /// memory. Usually ServerOptions::history.events.
  std::uint64_t preload = kHistoryEvents;
};

/// Connects to `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or with TLS to `rediss://…` (Redis 6.2 or newer, or
/// Valkey), and creates the log if it is missing. Uses four connections.
///
/// An append returns when Redis has answered. durability() depends on Redis's settings: Durability::kDisk with
/// `appendonly yes` and `appendfsync always`, otherwise kMemory. warnings() says why. While Redis cannot be reached,
/// the store refuses events and tries again every kStoreRetry.
///
/// Throws InvalidOption if the URL or an option is invalid, StoreUnavailable if Redis cannot be used: it refuses the
/// password or a command, it is a read-only replica, it is full, or another program uses the log's keys. No message
/// contains the password.
std::shared_ptr<EventStore> open_redis(const std::string& url, const RedisOptions& options = {});

}  // namespace millrace
