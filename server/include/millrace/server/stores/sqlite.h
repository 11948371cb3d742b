// open_sqlite(): a store in an SQLite file. Link `millrace::sqlite`.
//
//   millrace::Server server({.store = millrace::open_sqlite("/var/lib/app/events.db", {.bounds = {.age = 24h}})});
#pragma once

#include <memory>
#include <string>

#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"
#include "millrace/server/store_access.h"
#include "millrace/server/stores/store_sync.h"

namespace millrace {

/// Settings of a store in an SQLite file.
struct SqliteOptions {
  /// Events that a power cut may lose.
  StoreSync sync = StoreSync::kFull;
  /// Bounds of the file: by default 1 GiB (kStoreBytes).
  StoreBounds bounds = {};
};

/// Opens the file, or creates it. Beside it are SQLite's `PATH-wal` and `PATH-shm`, and `PATH-lock`, which keeps other
/// programs from using the file. Concurrent publishers share a commit.
///
/// While the file cannot be written, the store refuses events and tries again every kStoreRetry. It no longer writes to
/// a damaged file.
///
/// Throws InvalidOption if an option is invalid, StoreUnavailable if the file cannot be used: another program has it
/// open, it is not a Millrace file, or the system refuses it.
std::shared_ptr<EventStore> open_sqlite(const std::string& path, const SqliteOptions& options = {});

/// The same file for operators. A server may have it open; StoreAccess::update() and fill() then throw
/// StoreUnavailable. Opens nothing yet.
std::unique_ptr<StoreAccess> access_sqlite(const std::string& path);

}  // namespace millrace
