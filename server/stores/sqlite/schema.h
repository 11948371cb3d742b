// The tables of an SQLite event log, and the conversion of older tables.
#pragma once

#include "database.h"

namespace millrace {

/// The version of a file: `PRAGMA user_version`.
inline constexpr int kSqliteSchemaVersion = 7;

/// The application of a file: `PRAGMA application_id`, "Mlrc".
inline constexpr int kSqliteApplicationId = 0x4d6c7263;

/// entries.kind
enum class SqliteKind : std::int64_t { kEvent = 0, kFinish = 1, kBegin = 2 };

/// Creates or updates the tables in one transaction. Throws StoreUnavailable if the file belongs to another program or
/// a newer Millrace, SqliteError if it cannot be used.
void prepare_schema(SqliteDatabase& database);

/// The version of the tables; 0 without tables. Throws like prepare_schema(), and changes nothing.
int schema_version(SqliteDatabase& database);

/// Makes the steps from an older `version` to the present tables. In a transaction of the caller's.
void update_schema(SqliteDatabase& database, int version);

/// Creates the tables of an older `version`, for tests of the update.
void create_schema(SqliteDatabase& database, int version);

}  // namespace millrace
