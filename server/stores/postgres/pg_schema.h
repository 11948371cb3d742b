// The tables and functions of a log in PostgreSQL, and the row that describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/server/durability.h"
#include "pg_connection.h"

namespace millrace {

/// The version that millrace_log has for its tables.
inline constexpr std::uint64_t kPostgresSchemaVersion = 1;

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

  /// From a result with kColumns, as text or binary.
  static PgLogRow of(const PgResult& result);
  static constexpr const char* kColumns = "epoch, head, oldest, entries, bytes, retained_topics, retained_bytes";
};

/// Creates missing tables and functions in one transaction. Several programs may call it at once. Throws
/// StoreUnavailable if the database cannot have a log, PgError if it cannot be used.
void prepare_schema(PgConnection& connection, const std::string& schema, const std::string& new_epoch);

/// Throws StoreUnavailable if a newer Millrace made the tables.
void check_schema_version(PgConnection& connection);

/// What a commit survives according to the database's settings, and sentences about settings that weaken it.
struct PgDurability {
  Durability level = Durability::kProcess;
  std::vector<std::string> warnings = {};
};
PgDurability durability_of(PgConnection& connection);

}  // namespace millrace
