#include "open_store.h"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string_view>

#include "base/option_name.h"
#include "log/jetstream/jetstream_event_log.h"
#include "log/sqlite/sqlite_event_log.h"
#include "loop/event_loop.h"
#include "millrace/core/limits.h"
#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

constexpr std::string_view kSqlite = "sqlite:";

std::chrono::system_clock::time_point time_now() {
  return std::chrono::system_clock::now();
}

// `name` is what the store may be called in a message.
std::shared_ptr<EventStore> open_named(const ServerOptions& options, const std::string& name,
                                       const std::function<std::shared_ptr<EventStore>()>& open) {
  try {
    return open();
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable(name_of_option(options, "store") + " \"" + name + "\": " + failure.what());
  }
}

std::shared_ptr<EventStore> open_jetstream(const ServerOptions& options, const std::string& new_epoch) {
  const StoreAddress address = StoreAddress::parse(options.store);
  if (options.store_replicas > kMaxStoreReplicas) {
    throw InvalidOption(
        "ServerOptions::store_replicas",
        std::to_string(options.store_replicas) + " are too many; at most " + std::to_string(kMaxStoreReplicas));
  }
  return open_named(options, address.shown(), [&] {
    return std::make_shared<JetStreamEventLog>(JetStreamEventLog::Options{
        .address = address,
        .credentials = options.store_credentials,
        .replicas = options.store_replicas,
        .bounds = options.store_bounds,
        .new_epoch = new_epoch,
        .preload = options.history_events,
        .clock = monotonic_now,
        .time = time_now,
        .on_trouble = options.on_store_trouble,
    });
  });
}

std::shared_ptr<EventStore> open_sqlite(const ServerOptions& options, const std::string& new_epoch) {
  return open_named(options, options.store, [&] {
    return std::make_shared<SqliteEventLog>(SqliteEventLog::Options{
        .path = options.store.substr(kSqlite.size()),
        .sync = options.store_sync,
        .bounds = options.store_bounds,
        .new_epoch = new_epoch,
        .clock = time_now,
        .on_trouble = options.on_store_trouble,
    });
  });
}

}  // namespace

std::shared_ptr<EventStore> open_store(const ServerOptions& options, const std::string& new_epoch) {
  if (options.store.empty()) return nullptr;
  if (StoreAddress::is_one(options.store)) return open_jetstream(options, new_epoch);
  if (options.store.starts_with(kSqlite) && options.store.size() > kSqlite.size()) {
    return open_sqlite(options, new_epoch);
  }
  // Not the rest of it, in which a password may be.
  throw InvalidOption("ServerOptions::store", "unknown store \"" + options.store.substr(0, options.store.find(':')) +
                                                  "\"; expected sqlite:PATH or nats://HOST:PORT");
}

}  // namespace millrace
