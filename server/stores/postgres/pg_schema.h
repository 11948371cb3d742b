// The tables and functions of a log in PostgreSQL, and the row that describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/server/durability.h"
#include "pg_connection.h"

namespace millrace {

/// What millrace_log says of its tables.
inline constexpr std::uint64_t kPostgresSchemaVersion = 1;

/// millrace_log's row. Who writes events locks it until its transaction ends, which is what puts them in one order.
struct PgLogRow {
  std::string epoch;
  std::uint64_t head = 0;
  std::uint64_t oldest = 1;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retained_topics = 0;
  std::uint64_t retained_bytes = 0;

  /// From a result of kColumns, in any form.
  static PgLogRow of(const PgResult& result);
  static constexpr const char* kColumns = "epoch, head, oldest, entries, bytes, retained_topics, retained_bytes";
};

/// Makes what is missing, in one transaction; several programs may do it at once. Throws StoreUnavailable if the
/// database cannot have a log, PgError if it cannot be used.
void prepare_schema(PgConnection& connection, const std::string& schema, const std::string& new_epoch);

/// What a commit survives, by the database's settings, and sentences about those that weaken it.
struct PgDurability {
  Durability level = Durability::kProcess;
  std::vector<std::string> warnings = {};
};
PgDurability durability_of(PgConnection& connection);

}  // namespace millrace
