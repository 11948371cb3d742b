// PgWriter and PgQueries: what is asked of the tables of a log. One thread at a time each.
//
// How readers see no hole. A number that a transaction takes, as from a SEQUENCE, is visible only once that transaction
// commits, and another with a greater number may commit before it: who has read the greater one would miss the smaller.
// Here a transaction gets its numbers with the lock of millrace_log's row, which it keeps until it ends: so numbers
// become visible in their order. Only servers do that, in transactions that wait for nothing but the database.
// Applications, whose transactions may take hours, write rows without a number (millrace_outbox), which a server moves
// once they are committed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "pg_connection.h"
#include "pg_schema.h"

namespace millrace {

/// Who brings publications, and what becomes of them.
struct PgContribution {
  std::span<const Publication> publications;
  std::span<std::uint64_t> sequences;
  std::optional<std::string> refusal = {};  ///< of the bounds of retained events
};

class PgWriter {
 public:
  struct Options {
    PgConnection::Options connection;
    StoreBounds bounds;
    std::string new_epoch;
  };

  /// Connects, and makes the tables if there are none. `head`: sequences up to it have been given away. Throws
  /// StoreUnavailable and PgError.
  PgWriter(const Options& options, std::uint64_t head);

  const PgLogRow& log() const { return log_; }
  const PgDurability& durability() const { return durability_; }

  /// Appends what the contributions bring, in their order, each all or none, in one transaction. Returns the new
  /// entries.
  std::vector<LogEntry> append(std::span<PgContribution* const> group, std::chrono::system_clock::time_point now);
  /// The same of what waits in the outbox, up to a bound. What cannot be published stays there, and says why.
  std::vector<LogEntry> move_outbox(std::chrono::system_clock::time_point now);
  /// Drops entries that the bounds do not allow; true if there may be more.
  bool retire(std::chrono::system_clock::time_point now);

  /// As PgConnection::backend().
  int backend() const { return connection_.backend(); }
  /// Whether it can be used after a failure.
  bool is_usable() const { return connection_.is_usable(); }

 private:
  class Batch;

  void lock_log(const PgTransaction& transaction);
  std::vector<LogEntry> append_locked(std::span<PgContribution* const> group,
                                      std::chrono::system_clock::time_point now);
  void insert(const Batch& batch);
  void release_retained(const Batch& batch);
  std::size_t retained_cost(std::string_view topic);
  bool retire_locked(std::uint64_t most, std::optional<std::uint64_t> published_before);
  void save_log();

  const StoreBounds bounds_;
  PgConnection connection_;
  PgLogRow log_;
  PgDurability durability_;
  std::uint64_t given_away_;  // whatever the database says, as after a failover to a standby that was behind
};

class PgQueries {
 public:
  explicit PgQueries(const PgConnection::Options& options) : connection_(options) {}

  PgLogRow log();
  bool has_waiting();
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter);
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen);
  EventStore::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  EventStore::Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                               EventStore::Topics topics);
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter);
  /// All entries after the sequence, up to a bound.
  EventStore::Page follow(std::uint64_t sequence);

 private:
  EventStore::Page fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through);

  PgConnection connection_;
};

}  // namespace millrace
