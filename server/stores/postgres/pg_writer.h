// PgWriter: the connection that writes a log's tables in PostgreSQL. One thread at a time.
//
// Why readers see no hole: a transaction that takes its numbers from a SEQUENCE makes them visible only when it
// commits, and a transaction with greater numbers may commit before it; a reader that has seen the greater number would
// miss the smaller one. So a transaction of a PgWriter first locks the only row of millrace_log, and takes its numbers
// from that row. It holds the lock until it ends, so numbers become visible in order. Such a transaction waits for
// nothing but the database. An application's transaction may take hours, so it writes rows without a number
// (millrace_outbox), and a server moves them into the log after they are committed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "pg_batch.h"
#include "pg_connection.h"
#include "pg_schema.h"
#include "stores/common/group_commit.h"

namespace millrace {

/// The sentence for a database that has another log than before.
inline constexpr const char* kPostgresLogReplaced = "the database was replaced: restart the server to use it";

class PgWriter {
 public:
  using Time = std::chrono::system_clock::time_point;

  struct Options {
    PgConnection::Options connection;
    StoreBounds bounds;
    std::string new_epoch;  ///< for a new log
  };

  /// Connects, and creates missing tables. `head`: sequences up to it were given to clients. Throws StoreUnavailable
  /// and PgError.
  PgWriter(const Options& options, std::uint64_t head);

  const PgLogRow& log() const { return log_; }
  /// What a commit survives.
  const PgDurability& worth() const { return durability_; }

  /// Appends the group's publications in order, those of each contribution all or none, in one transaction. Returns the
  /// new entries. Throws PgError.
  std::vector<LogEntry> append(std::span<Contribution* const> group, Time now);

  /// Moves rows of the outbox into the log, a bounded number in one transaction. Returns the new entries. A row that
  /// cannot be published stays in the outbox, with the reason. Throws PgError. In pg_outbox.cpp.
  std::vector<LogEntry> move_outbox(Time now);

  /// Drops a bounded number of entries beyond the bounds. Returns true if there may be more. Throws PgError. In
  /// pg_retention.cpp.
  bool retire(Time now);

  /// As PgConnection::backend().
  int backend() const { return connection_.backend(); }
  /// Whether it can still be used after a PgError.
  bool is_usable() const { return connection_.is_usable(); }

 private:
  // Locks millrace_log's row until its transaction ends.
  class LockedLog;

  std::vector<LogEntry> append_locked(std::span<Contribution* const> group, Time now);
  void insert(const PgBatch& batch);
  void release_retained(const PgBatch& batch);
  std::size_t retained_cost(std::string_view topic);
  bool retire_locked(std::uint64_t most, std::optional<std::uint64_t> published_before);

  const StoreBounds bounds_;
  PgConnection connection_;
  std::string epoch_;  // of the log when it was opened
  PgLogRow log_;
  PgDurability durability_;
  std::uint64_t given_to_clients_;  // the database may say less, for example after a failover to a standby
};

}  // namespace millrace
