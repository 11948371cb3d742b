// What the tests of the store in PostgreSQL share: the server, a log in it, and how Millrace or an application uses it.
#pragma once

#include <atomic>
#include <exception>
#include <string>

#include "millrace/server/stores/postgres.h"
#include "postgres_server.h"
#include "started_store.h"
#include "stores/postgres/pg_connection.h"

namespace millrace::test {

inline PostgresServer& postgres() {
  static PostgresServer server;
  return server;
}

// A log of its own.
inline std::string new_schema() {
  static std::atomic<int> number = 0;
  return "log_" + std::to_string(++number);
}

class Node : public StartedStore {
 public:
  explicit Node(const std::string& schema, const StoreBounds& bounds = {}, const std::string& url = postgres().url())
      : StartedStore(open_postgres(url, {.bounds = bounds, .schema = schema})) {}
};

// An application's own connection.
inline PgConnection application(const std::string& schema) {
  return PgConnection({.url = postgres().url(), .schema = schema});
}

// What its refusal says.
inline std::string refusal(PgConnection& connection, const std::string& sql) {
  try {
    connection.execute(sql);
    return "it was done: " + sql;
  } catch (const PgError& error) {
    return error.what();
  }
}

inline std::string refusal_to_open(const std::string& url, const PostgresOptions& options = {}) {
  try {
    open_postgres(url, options);
    return "it was opened";
  } catch (const std::exception& failure) {
    return failure.what();
  }
}

}  // namespace millrace::test
