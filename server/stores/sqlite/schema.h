// The tables of an SQLite event log, and the conversion of older tables.
#pragma once

#include "database.h"

namespace millrace {

/// What a file says of itself: `PRAGMA user_version`.
inline constexpr int kSqliteSchemaVersion = 4;

/// The same of whose it is: `PRAGMA application_id`, "Mlrc".
inline constexpr int kSqliteApplicationId = 0x4d6c7263;

/// entries.kind
enum class SqliteKind : std::int64_t { kEvent = 0, kFinish = 1, kBegin = 2 };

/// Makes the tables in a file that has none, or brings those it has up to date, in one transaction. Throws
/// StoreUnavailable if the file is another program's or a newer Millrace's, SqliteError if it cannot be used.
void prepare_schema(SqliteDatabase& database);

/// Makes the tables as they were in `version`, so that a test can bring them up to date.
void create_schema(SqliteDatabase& database, int version);

}  // namespace millrace
