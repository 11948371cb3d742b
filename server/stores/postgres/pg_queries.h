// PgQueries: a connection that reads a log's tables in PostgreSQL. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "pg_connection.h"
#include "pg_schema.h"

namespace millrace {

/// Every member throws PgError. A member with the name of one of EventStore's members returns the same.
class PgQueries {
 public:
  explicit PgQueries(const PgConnection::Options& options) : connection_(options) {}

  /// The log's row, as committed.
  PgLogRow log();
  /// Whether rows of the outbox wait to be moved into the log.
  bool has_waiting();
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter);
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen);
  EventStore::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  EventStore::Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                               EventStore::Topics topics);
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter);
  /// The next entries after the sequence, of all topics: a bounded number.
  EventStore::Page follow(std::uint64_t sequence);

 private:
  EventStore::Page fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through);

  PgConnection connection_;
};

}  // namespace millrace
