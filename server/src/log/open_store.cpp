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
    throw StoreUnavailable(name_of_option(options, "store.address") + " \"" + name + "\": " + failure.what());
  }
}

std::shared_ptr<EventStore> open_jetstream(const ServerOptions& options, const std::string& new_epoch) {
  const StoreAddress address = StoreAddress::parse(options.store.address);
  if (options.store.replicas.value_or(1) > kMaxStoreReplicas) {
    throw InvalidOption(
        "ServerOptions::store.replicas",
        std::to_string(*options.store.replicas) + " is too many; the maximum is " + std::to_string(kMaxStoreReplicas));
  }
  return open_named(options, address.shown(), [&] {
    return std::make_shared<JetStreamEventLog>(JetStreamEventLog::Options{
        .address = address,
        .credentials = options.store.credentials,
        .replicas = options.store.replicas,
        .bounds = options.store.bounds,
        .new_epoch = new_epoch,
        .preload = options.history.events,
        .clock = monotonic_now,
        .time = time_now,
        .on_trouble = options.on_store_trouble,
    });
  });
}

std::shared_ptr<EventStore> open_sqlite(const ServerOptions& options, const std::string& new_epoch) {
  return open_named(options, options.store.address, [&] {
    return std::make_shared<SqliteEventLog>(SqliteEventLog::Options{
        .path = options.store.address.substr(kSqlite.size()),
        .sync = options.store.sync,
        .bounds = options.store.bounds,
        .new_epoch = new_epoch,
        .clock = time_now,
        .on_trouble = options.on_store_trouble,
    });
  });
}

}  // namespace

std::shared_ptr<EventStore> open_store(const ServerOptions& options, const std::string& new_epoch) {
  if (options.store.address.empty()) return nullptr;
  if (StoreAddress::is_one(options.store.address)) return open_jetstream(options, new_epoch);
  if (options.store.address.starts_with(kSqlite) && options.store.address.size() > kSqlite.size()) {
    return open_sqlite(options, new_epoch);
  }
  // Not the rest of it, in which a password may be.
  throw InvalidOption("ServerOptions::store.address",
                      "unknown store type \"" + options.store.address.substr(0, options.store.address.find(':')) +
                          "\"; expected sqlite:PATH or nats://HOST[:PORT]");
}

}  // namespace millrace
