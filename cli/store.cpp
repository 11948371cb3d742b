#include "store.h"

#include <spdlog/spdlog.h>

#include <array>
#include <string>
#include <string_view>

#include "command.h"
#include "millrace/server/stores/file.h"
#include "millrace/server/stores/jetstream.h"
#include "millrace/server/stores/postgres.h"
#include "millrace/server/stores/redis.h"
#include "millrace/server/stores/sqlite.h"
#include "parts.h"

namespace millrace::cli {

namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kFile = "file:";

// On the command line 0 means no bound.
StoreBounds bounds_of(const ServeOptions& options) {
  StoreBounds bounds{.bytes = std::nullopt,
                     .retained_topics = options.max_retained_topics,
                     .retained_bytes = options.max_retained_bytes};
  if (options.store_events != 0) bounds.events = options.store_events;
  if (options.store_bytes != 0) bounds.bytes = options.store_bytes;
  if (options.store_age_seconds != 0) bounds.age = Duration{Duration::rep{options.store_age_seconds} * 1000};
  return bounds;
}

bool is_of_files(std::string_view store) {
  return store.starts_with(kFile) && store.size() > kFile.size();
}

StoreSync sync_of(const ServeOptions& options) {
  return options.store_sync == "full" ? StoreSync::kFull : StoreSync::kNormal;
}

bool is_of_nats(std::string_view store) {
  return store.starts_with("nats://") || store.starts_with("tls://");
}

bool is_of_postgres(std::string_view store) {
  return store.starts_with("postgres://") || store.starts_with("postgresql://");
}

bool is_of_redis(std::string_view store) {
  return store.starts_with("redis://") || store.starts_with("rediss://");
}

// Does not show what follows the kind, which may contain a password.
[[noreturn]] void refuse_unknown(const std::string& option, const std::string& name) {
  throw UsageError(option + ": " + store_complaint(name));
}

std::shared_ptr<EventStore> open_named(const ServeOptions& options) {
  const std::string& name = options.store;
  if (name.starts_with(kSqlite) && name.size() > kSqlite.size()) {
    if constexpr (kHasSqlite) {
      return open_sqlite(name.substr(kSqlite.size()), {.sync = sync_of(options), .bounds = bounds_of(options)});
    }
    refuse_without("--store sqlite:…", "millrace::sqlite", "MILLRACE_WITH_SQLITE");
  }
  if (is_of_files(name)) {
    FileLogOptions log{.sync = sync_of(options), .bounds = bounds_of(options), .index_bytes = std::nullopt};
    if (options.store_index_bytes != 0) log.index_bytes = options.store_index_bytes;
    return open_file_log(name.substr(kFile.size()), log);
  }
  if (is_of_nats(name)) {
    if constexpr (kHasNats) {
      JetStreamOptions stream{.bounds = bounds_of(options),
                              .credentials = options.store_credentials,
                              .preload = options.history_events,
                              .monitoring_port = options.store_monitoring_port};
      if (options.store_replicas != 0) stream.replicas = options.store_replicas;
      return open_jetstream(name, stream);
    }
    refuse_without("--store nats://…", "millrace::nats", "MILLRACE_WITH_NATS");
  }
  if (is_of_postgres(name)) {
    if constexpr (kHasPostgres) {
      return open_postgres(
          name, {.bounds = bounds_of(options), .schema = options.store_schema, .preload = options.history_events});
    }
    refuse_without("--store postgres://…", "millrace::postgres", "MILLRACE_WITH_POSTGRES");
  }
  if (is_of_redis(name)) {
    if constexpr (kHasRedis) {
      RedisOptions redis{.bounds = bounds_of(options), .preload = options.history_events};
      if (!options.store_name.empty()) redis.name = options.store_name;
      redis.ca_file = options.store_ca;
      return open_redis(name, redis);
    }
    refuse_without("--store redis://…", "millrace::redis", "MILLRACE_WITH_REDIS");
  }
  refuse_unknown("--store", name);
}

// Older programs cannot open it afterwards, so nobody should be surprised.
void announce_update(const ServeOptions& options) {
  if (!options.store.starts_with(kSqlite) && !is_of_postgres(options.store)) return;
  try {
    const StoreDescription store = access_store("--store", options.store, options.store_schema)->describe();
    if (store.version == store.known_version) return;
    spdlog::warn("updating the store from version {} to {}: older programs cannot open it afterwards", store.version,
                 store.known_version);
  } catch (const StoreUnavailable&) {
    // There is none yet, or it cannot be opened, which open_named() says.
  }
}

}  // namespace

std::string store_complaint(const std::string& name) {
  struct Kind {
    std::string_view begin;
    const char* missing;
    const char* expected;
  };
  static constexpr std::array kKinds = {Kind{kSqlite, "the path", "sqlite:PATH"},
                                        Kind{kFile, "the folder", "file:DIR"},
                                        Kind{"nats://", "//HOST", "nats://HOST[:PORT][,HOST…][/STREAM]"},
                                        Kind{"tls://", "//HOST", "tls://HOST[:PORT][,HOST…][/STREAM]"},
                                        Kind{"postgres://", "//HOST/DATABASE", "postgres://HOST[:PORT]/DATABASE"},
                                        Kind{"postgresql://", "//HOST/DATABASE", "postgresql://HOST[:PORT]/DATABASE"},
                                        Kind{"redis://", "//HOST", "redis://HOST[:PORT][/DATABASE]"},
                                        Kind{"rediss://", "//HOST", "rediss://HOST[:PORT][/DATABASE]"}};
  const std::string kind = name.substr(0, name.find(':'));
  for (const Kind& known : kKinds) {
    const bool has_path = !known.begin.ends_with(':') || name.size() > known.begin.size();
    if (name.starts_with(known.begin) && has_path) return {};
    if (kind + ':' != known.begin.substr(0, known.begin.find(':') + 1)) continue;
    return std::string(known.missing) + " is missing after \"" + kind + ":\"; expected " + known.expected;
  }
  return "unknown store type \"" + kind +
         "\"; expected sqlite:PATH, file:DIR, nats://HOST[:PORT], postgres://HOST[:PORT]/DATABASE or "
         "redis://HOST[:PORT]";
}

void check_store_options(const ServeOptions& options) {
  const ServeOptions defaults;
  const auto needs = [](bool is_set, const char* option, bool is_right, const char* store) {
    if (is_set && !is_right) throw UsageError(std::string(option) + " needs --store " + store);
  };
  const bool is_nats = is_of_nats(options.store);
  needs(options.store_replicas != defaults.store_replicas, "--store-replicas", is_nats, "nats://…");
  needs(!options.store_credentials.empty(), "--store-credentials", is_nats, "nats://…");
  needs(options.store_monitoring_port != defaults.store_monitoring_port, "--store-monitoring-port", is_nats,
        "nats://…");
  needs(!options.store_schema.empty(), "--store-schema", is_of_postgres(options.store), "postgres://…");
  needs(!options.store_name.empty(), "--store-name", is_of_redis(options.store), "redis://…");
  needs(!options.store_ca.empty(), "--store-ca", options.store.starts_with("rediss://"), "rediss://…");
}

std::shared_ptr<EventStore> open_store(const ServeOptions& options) {
  if (options.store.empty()) return nullptr;
  try {
    if constexpr (kHasSqlite) announce_update(options);
    return open_named(options);
  } catch (const StoreUnavailable& failure) {
    throw StoreUnavailable(std::string("--store: ") + failure.what());
  }
}

std::unique_ptr<StoreAccess> access_store(const std::string& option, const std::string& store,
                                          const std::string& schema) {
  if (store.starts_with(kSqlite) && store.size() > kSqlite.size()) {
    if constexpr (kHasSqlite) return access_sqlite(store.substr(kSqlite.size()));
    refuse_without(option + " sqlite:…", "millrace::sqlite", "MILLRACE_WITH_SQLITE");
  }
  if (is_of_files(store)) return access_file_log(store.substr(kFile.size()));
  if (is_of_postgres(store)) {
    if constexpr (kHasPostgres) return access_postgres(store, schema);
    refuse_without(option + " postgres://…", "millrace::postgres", "MILLRACE_WITH_POSTGRES");
  }
  if (is_of_nats(store)) {
    throw UsageError(option +
                     ": a store in NATS JetStream has NATS's own tools: nats stream info, nats stream backup and nats "
                     "stream restore, for the stream and its -ids");
  }
  if (is_of_redis(store)) {
    throw UsageError(option + ": a store in Redis has Redis's own tools: BGSAVE and its files, and DUMP and RESTORE");
  }
  refuse_unknown(option, store);
}

}  // namespace millrace::cli
