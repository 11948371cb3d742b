// open_postgres(): a store in a PostgreSQL database, which any number of servers can share, and to which an application
// publishes in its own transactions. Link `millrace::postgres`.
//
//   millrace::Server server({.store = millrace::open_postgres("postgres://app@db.example/shop")});
//
//   -- In a transaction of the application; it is delivered if and only if that commits:
//   insert into orders …; select millrace_publish('orders', '{"order":17}');
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/core/time.h"
#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"
#include "millrace/server/store_access.h"

namespace millrace {

/// Time for PostgreSQL to answer a statement; then the connection counts as lost.
inline constexpr Duration kPostgresAnswerTimeout{5'000};

/// Settings of a store in a PostgreSQL database.
struct PostgresOptions {
  /// How much the store keeps. If several servers share it, each drops what its own bounds do not allow. `bytes` counts
  /// events with their topics and IDs, without PostgreSQL's overhead and indexes.
  StoreBounds bounds = {};

  /// Schema of the store's tables and functions, created if it is missing. Empty: the first of the connection's
  /// search_path, mostly `public`. Each schema is a log of its own.
  std::string schema = {};

  /// Newest entries that the server reads when it begins to use the store, so that it serves resuming clients from
  /// memory. Usually ServerOptions::history.events.
  std::uint64_t preload = kHistoryEvents;
};

/// Connects to `postgres://[USER[:PASSWORD]@]HOST[:PORT][,…]/DATABASE[?PARAMETER=VALUE&…]` (or `postgresql://`), as
/// libpq reads it, and creates missing tables. Uses four connections, which must not go through a pooler that gives a
/// connection to another client after each transaction.
///
/// An append returns when its transaction is committed. durability() depends on the database's settings:
/// Durability::kDisk by default, kQuorumAndDisk with synchronous standbys, kProcess with `synchronous_commit = off` or
/// `fsync = off`. While the database cannot be reached, the store refuses events and tries again every kStoreRetry.
///
/// Throws InvalidOption if the URL or an option is invalid, StoreUnavailable if the database cannot be used: PostgreSQL
/// refuses it, it is a read-only standby, its encoding is not UTF8, or its tables are of a newer Millrace. No message
/// contains the password.
std::shared_ptr<EventStore> open_postgres(const std::string& url, const PostgresOptions& options = {});

/// The same log for operators, with one connection; `schema` as in PostgresOptions. Servers may use it. Throws
/// InvalidOption if the URL or the schema is invalid, StoreUnavailable if it cannot connect.
std::unique_ptr<StoreAccess> access_postgres(const std::string& url, const std::string& schema = {});

}  // namespace millrace
