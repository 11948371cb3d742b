#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/option_time.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/sqlite.h"
#include "sqlite_event_log.h"

namespace millrace {

std::shared_ptr<EventStore> open_sqlite(const std::string& path, const SqliteOptions& options) {
  if (path.empty()) throw InvalidOption("open_sqlite(path)", "the path is empty; expected the path of a file");
  require_age(options.bounds.age, "SqliteOptions::bounds.age");
  try {
    return std::make_shared<SqliteEventLog>(SqliteEventLog::Options{
        .path = path, .sync = options.sync, .bounds = options.bounds, .new_epoch = new_store_epoch(), .clock = [] {
          return std::chrono::system_clock::now();
        }});
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("cannot open the store \"sqlite:" + path + "\": " + failure.what());
  }
}

}  // namespace millrace
