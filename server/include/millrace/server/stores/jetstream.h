// open_jetstream(): a store in a stream of NATS JetStream, which any number of servers can share. Link
// `millrace::nats`.
//
//   millrace::Server server({.store = millrace::open_jetstream("nats://10.0.0.1,10.0.0.2,10.0.0.3", {.replicas = 3})});
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "millrace/core/time.h"
#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"

namespace millrace {

/// Time that a starting program waits for a store's servers to elect a leader.
inline constexpr Duration kStoreStartTimeout{10'000};

/// Most copies of each event in a JetStream store.
inline constexpr std::size_t kMaxStoreReplicas = 5;

/// Settings of a store in a stream of JetStream.
struct JetStreamOptions {
  /// The stream's limits from now on. If several servers open it, the last one decides.
  StoreBounds bounds = {};

  /// NATS servers that keep each event, at most kMaxStoreReplicas. Without a value: as the stream has them; one for a
  /// new stream.
  std::optional<std::uint64_t> replicas = {};

  /// A file with credentials for NATS. Empty: the credentials in the URL, if any.
  std::string credentials = {};

  /// Newest entries that the server reads when it begins to use the store, so that it serves resuming clients from
  /// memory. Usually ServerOptions::history.events.
  std::uint64_t preload = kHistoryEvents;

  /// Port (NATS's `http_port`) on which the store asks the servers of the URL whether they sync to disk before they
  /// acknowledge. 0: does not ask, and promises no disk.
  std::uint16_t monitoring_port = 8222;
};

/// Connects to `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]…][/STREAM]` (`tls://` likewise), and creates the
/// stream, by default `millrace`, if it does not exist. Waits up to kStoreStartTimeout for servers that have just
/// started.
///
/// An append returns when JetStream has acknowledged it. durability() depends on the version and `sync_interval` of
/// each server of the URL: Durability::kQuorum with several replicas, kDisk if all always sync, kQuorumAndDisk with
/// both; kProcess for versions that lose acknowledged messages, or while the answer is unknown. warnings() says why.
/// While NATS cannot be reached, the store refuses events and tries again every kStoreRetry.
///
/// Throws InvalidOption if the URL or an option is invalid, StoreUnavailable if the stream can neither be used nor
/// created, or if a server is nats-server 2.10.20 to 2.10.22, which can lose the whole stream. No message contains the
/// password.
std::shared_ptr<EventStore> open_jetstream(const std::string& url, const JetStreamOptions& options = {});

}  // namespace millrace
