// The tables and functions of a log in PostgreSQL, and the row that describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/server/durability.h"
#include "pg_connection.h"

namespace millrace {

/// The version that millrace_log has for its tables.
inline constexpr std::uint64_t kPostgresSchemaVersion = 2;

/// The only row of millrace_log. A transaction that writes events locks it until it ends, so that events have one
/// order.
struct PgLogRow {
  std::string epoch;
  std::uint64_t head = 0;
  std::uint64_t oldest = 1;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retained_topics = 0;
  std::uint64_t retained_bytes = 0;
  std::uint64_t version = kPostgresSchemaVersion;

  /// From a result with kColumns, as text or binary. Throws StoreUnavailable if a newer Millrace made the tables: so
  /// whatever reads or writes the log finds out, also while it runs.
  static PgLogRow of(const PgResult& result);
  static constexpr const char* kColumns =
      "epoch, head, oldest, entries, bytes, retained_topics, retained_bytes, version";
};

/// Creates missing tables and functions, or updates those of an older version, in one transaction. Several programs may
/// call it at once. Throws StoreUnavailable if the database cannot have a log, or if a newer Millrace made it; PgError
/// if it cannot be used.
void prepare_schema(PgConnection& connection, const std::string& schema, const std::string& new_epoch);

/// The version of the tables; 0 without tables. Throws StoreUnavailable if a newer Millrace made them.
std::uint64_t schema_version(PgConnection& connection);

/// Updates the tables from a version, 0 for none, to another, in the transaction of the connection.
void update_schema(PgConnection& connection, std::uint64_t from, std::uint64_t to = kPostgresSchemaVersion);

/// What a commit survives according to the database's settings, and sentences about settings that weaken it.
struct PgDurability {
  Durability level = Durability::kProcess;
  std::vector<std::string> warnings = {};
};
PgDurability durability_of(PgConnection& connection);

}  // namespace millrace
