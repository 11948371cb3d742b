#include "open_store.h"

#include <chrono>
#include <stdexcept>
#include <string_view>

#include "sqlite/sqlite_event_log.h"

namespace millrace {

std::shared_ptr<EventStore> open_store(const ServerOptions& options, const std::string& new_epoch) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (options.store.empty()) return nullptr;
  if (!options.store.starts_with(kSqlite) || options.store.size() == kSqlite.size()) {
    throw std::invalid_argument("store: \"" + options.store + "\" is none; there is sqlite:PATH");
  }
  try {
    return std::make_shared<SqliteEventLog>(SqliteEventLog::Options{
        .path = options.store.substr(kSqlite.size()),
        .sync = options.store_sync,
        .bounds = options.store_bounds,
        .new_epoch = new_epoch,
        .clock = [] { return std::chrono::system_clock::now(); },
        .on_trouble = options.on_store_trouble,
    });
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("store \"" + options.store + "\": " + failure.what());
  }
}

}  // namespace millrace
