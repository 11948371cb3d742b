#include "database.h"

#include <cstring>

namespace millrace {

namespace {

constexpr int kPrimaryCode = 0xff;

// Another connection of this program, or a user's sqlite3, may hold a lock briefly.
constexpr int kBusyMilliseconds = 5'000;

std::string sentence(sqlite3* database, const std::string& doing, int code) {
  std::string text = doing + ": ";
  if (database == nullptr) return text + sqlite3_errstr(code);
  const bool is_sqlites = (sqlite3_errcode(database) & kPrimaryCode) == (code & kPrimaryCode);
  text += is_sqlites ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const int system = sqlite3_system_errno(database);
  const int primary = code & kPrimaryCode;
  const bool is_systems = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
  if (is_systems && system != 0) text += std::string(" (") + std::strerror(system) + ")";
  return text;
}

}  // namespace

SqliteError::SqliteError(sqlite3* database, const std::string& doing, int code)
    : std::runtime_error(sentence(database, doing, code)), code_(code & kPrimaryCode) {}

SqliteDatabase::SqliteDatabase(const std::string& path, Mode mode) {
  const int create = mode == Mode::kWrite ? SQLITE_OPEN_CREATE : 0;
  sqlite3* opened = nullptr;
  // Only its owner uses a connection, so SQLite needs no locks for it.
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | create, nullptr);
  handle_.reset(opened);
  if (code != SQLITE_OK) throw SqliteError(opened, "cannot open the file", code);
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (mode == Mode::kRead) execute("PRAGMA query_only = 1");
}

void SqliteDatabase::checkpoint_on_close() {
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

void SqliteDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw SqliteError(handle(), "cannot use the file", code);
}

std::int64_t SqliteDatabase::number(const char* sql) {
  SqliteStatement statement(*this, sql);
  SqliteRows rows = statement();
  return rows.next() ? rows.number(0) : 0;
}

SqliteSnapshot::SqliteSnapshot(SqliteDatabase& database) : database_(database) {
  database_.execute("BEGIN");
}

SqliteSnapshot::~SqliteSnapshot() {
  sqlite3_exec(database_.handle(), "COMMIT", nullptr, nullptr, nullptr);
}

bool SqliteRows::next() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw SqliteError(sqlite3_db_handle(statement_.get()), "cannot use the file", code);
}

std::string_view SqliteRows::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::optional<std::uint64_t> only_number(SqliteRows rows) {
  if (!rows.next() || rows.is_null(0)) return std::nullopt;
  return static_cast<std::uint64_t>(rows.number(0));
}

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  handle_.reset(prepared);
  if (code != SQLITE_OK) throw SqliteError(database.handle(), "cannot use the file", code);
}

void SqliteStatement::bind(int index, std::uint64_t value) {
  bind(index, static_cast<std::int64_t>(value));
}

void SqliteStatement::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(handle_.get(), index, value));
}

void SqliteStatement::bind(int index, std::string_view value) {
  // A null pointer would bind NULL.
  const char* const text = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(handle_.get(), index, text, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void SqliteStatement::bind(int index, SqliteBlob value) {
  check(sqlite3_bind_blob64(handle_.get(), index, value.bytes.data(), value.bytes.size(), SQLITE_STATIC));
}

void SqliteStatement::bind(int index, SqliteNull) {
  check(sqlite3_bind_null(handle_.get(), index));
}

void SqliteStatement::check(int code) const {
  if (code != SQLITE_OK) throw SqliteError(sqlite3_db_handle(handle_.get()), "cannot use a value", code);
}

}  // namespace millrace
