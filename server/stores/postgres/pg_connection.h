// PgConnection, PgParams and PgResult: libpq with destructors, deadlines and exceptions. One thread at a time.
//
//   const PgStatement kByTopic{"by_topic", "SELECT sequence FROM millrace_events WHERE topic = $1"};
//   const PgResult rows = connection.run(kByTopic, PgParams().text("orders"));
//   for (int row = 0; row < rows.size(); ++row) use(rows.number(row, 0));
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/time.h"

namespace millrace {

class PgError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A statement that a connection prepares at its first use.
struct PgStatement {
  const char* name;
  const char* sql;
};

/// Values for $1, $2 …, in PostgreSQL's binary form. Texts are copied.
class PgParams {
 public:
  PgParams& number(std::uint64_t value);
  PgParams& text(std::string_view value);
  PgParams& bytes(std::string_view value);
  PgParams& numbers(std::span<const std::uint64_t> values);
  PgParams& flags(const std::vector<bool>& values);
  PgParams& texts(std::span<const std::string_view> values);
  /// An element without a value is NULL.
  PgParams& blobs(std::span<const std::optional<std::string_view>> values);

 private:
  friend class PgConnection;
  PgParams& add(Oid type, std::string value);

  std::vector<Oid> types_;
  std::vector<std::string> values_;
};

class PgResult {
 public:
  explicit PgResult(PGresult* result) : result_(result) {}

  int size() const { return PQntuples(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
  /// A number of any size, or a flag; 0 for NULL.
  std::uint64_t number(int row, int column) const;
  /// A text, or bytes; valid as long as the result.
  std::string_view text(int row, int column) const;

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class PgConnection {
 public:
  struct Options {
    std::string url;
    std::string schema;  ///< empty: the connection's default
  };

  /// Connects. Throws PgError.
  explicit PgConnection(const Options& options);

  /// Runs one statement. Throws PgError; then is_usable() says whether the connection can still be used.
  PgResult run(const PgStatement& statement, const PgParams& params = {});
  /// Runs statements without parameters; returns the last one's result, as text. Throws likewise.
  PgResult execute(const std::string& sql);

  bool is_usable() const { return is_usable_ && PQstatus(handle_.get()) == CONNECTION_OK; }
  int socket() const { return PQsocket(handle_.get()); }
  /// Reads and drops the notifications that have arrived. Returns true if one came from another process of the server
  /// than `own`. Throws PgError.
  bool take_notifications(int own);
  /// The ID of the server's process that serves this connection.
  int backend() const { return PQbackendPID(handle_.get()); }
  /// The name, quoted for SQL.
  std::string quoted(const std::string& name) const;

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  PgResult answer();
  [[noreturn]] void fail(const std::string& what);

  std::unique_ptr<PGconn, Finish> handle_;
  std::set<std::string_view> prepared_;
  bool is_usable_ = true;
};

/// A transaction that rolls back unless it was committed.
class PgTransaction {
 public:
  /// `begin`: the statement that begins it, perhaps with others after it.
  PgTransaction(PgConnection& connection, const std::string& begin)
      : connection_(connection), begun_(connection.execute(begin)) {}
  ~PgTransaction();
  PgTransaction(const PgTransaction&) = delete;
  PgTransaction& operator=(const PgTransaction&) = delete;

  /// The result of `begin`.
  const PgResult& begun() const { return begun_; }
  void commit();

 private:
  PgConnection& connection_;
  PgResult begun_;
  bool is_over_ = false;
};

}  // namespace millrace
