// SqliteDatabase, SqliteStatement, SqliteRows: SQLite's C interface, with owners and exceptions. One thread at a time.
//
//   SqliteStatement by_topic(database, "SELECT sequence FROM entries WHERE topic = ?1");
//   for (auto rows = by_topic("orders"); rows.next();) use(rows.number(0));
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millrace {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(sqlite3* database, const std::string& doing, int code);
  /// SQLite's primary result code.
  int code() const { return code_; }
  /// Whether the file is damaged: a retry would not help.
  bool is_damage() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

 private:
  int code_;
};

class SqliteDatabase {
 public:
  enum class Mode : std::uint8_t { kWrite, kRead };

  /// Opens the file; for writing, creates a missing one. Throws SqliteError.
  SqliteDatabase(const std::string& path, Mode mode);

  /// Runs statements without parameters, and ignores their rows.
  void execute(const char* sql);
  /// Runs a query for one number; returns 0 without a row.
  std::int64_t number(const char* sql);

  /// When this connection is closed, and is the last, SQLite's log is moved into the file. Otherwise it stays: after a
  /// failure nothing may be written before the log was made sure of.
  void checkpoint_on_close();

  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// One state of the file for several statements.
class SqliteSnapshot {
 public:
  explicit SqliteSnapshot(SqliteDatabase& database);
  ~SqliteSnapshot();
  SqliteSnapshot(const SqliteSnapshot&) = delete;
  SqliteSnapshot& operator=(const SqliteSnapshot&) = delete;

 private:
  SqliteDatabase& database_;
};

/// SQLite's largest integer.
inline constexpr std::uint64_t kMaxSqliteInteger = INT64_MAX;

/// Binary data.
struct SqliteBlob {
  std::string_view bytes;
};

/// NULL.
struct SqliteNull {};

/// A statement's result, row by row. The statement can be run again after this is destroyed.
class SqliteRows {
 public:
  explicit SqliteRows(sqlite3_stmt* statement) : statement_(statement) {}

  /// Returns false without a further row.
  bool next();

  // Columns of the row, from 0. Text is valid until next().
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string_view text(int column) const;
  bool is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

 private:
  struct Reset {
    void operator()(sqlite3_stmt* statement) const { sqlite3_reset(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Reset> statement_;
};

/// The number in the only row; nothing without a row, or for an aggregate of no rows.
std::optional<std::uint64_t> only_number(SqliteRows rows);

class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& database, std::string_view sql);

  /// Runs the statement with values for its parameters, which must stay valid until the last row.
  template <typename... Values>
  [[nodiscard]] SqliteRows operator()(const Values&... values) {
    [[maybe_unused]] int index = 0;  // without values
    (bind(++index, values), ...);
    return SqliteRows(handle_.get());
  }
  /// The same, ignoring rows.
  template <typename... Values>
  void run(const Values&... values) {
    SqliteRows rows = (*this)(values...);
    while (rows.next()) {
    }
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void bind(int index, std::uint64_t value);
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, SqliteBlob value);
  void bind(int index, SqliteNull);
  void check(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace millrace
