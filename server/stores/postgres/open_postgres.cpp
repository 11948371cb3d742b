#include <libpq-fe.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/option_time.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/postgres.h"
#include "pg_access.h"
#include "postgres_event_log.h"

namespace millrace {

namespace {

constexpr const char* kExpected = "expected postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE[?PARAMETER=VALUE&…]";

// The longest name that PostgreSQL does not truncate.
constexpr std::size_t kMaxSchemaBytes = 63;

// Host and database, without secrets. Throws InvalidOption, whose sentence does not repeat the URL.
std::string shown(const std::string& url) {
  if (!url.starts_with("postgres://") && !url.starts_with("postgresql://")) {
    throw InvalidOption("open_postgres(url)",
                        std::string("the scheme is not postgres:// or postgresql://; ") + kExpected);
  }
  char* error = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), &error);
  PQfreemem(error);
  if (parsed == nullptr)
    throw InvalidOption("open_postgres(url)", std::string("not a URL of PostgreSQL; ") + kExpected);
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(parsed, PQconninfoFree);
  const auto value = [&](std::string_view keyword) -> std::string {
    for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
      if (keyword == option->keyword && option->val != nullptr) return option->val;
    }
    return {};
  };
  const std::string port = value("port");
  return "postgres://" + value("host") + (port.empty() ? "" : ":" + port) + "/" + value("dbname");
}

void check_schema_name(const char* option, const std::string& schema) {
  if (schema.size() > kMaxSchemaBytes) throw InvalidOption(option, "longer than the 63 bytes of PostgreSQL's names");
}

}  // namespace

std::unique_ptr<StoreAccess> access_postgres(const std::string& url, const std::string& schema) {
  const std::string address = shown(url);
  check_schema_name("access_postgres(schema)", schema);
  try {
    return std::make_unique<PgAccess>(PgConnection::Options{.url = url, .schema = schema}, address);
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("\"" + address + "\": " + failure.what());
  }
}

std::shared_ptr<EventStore> open_postgres(const std::string& url, const PostgresOptions& options) {
  const std::string address = shown(url);
  require_age(options.bounds.age, "PostgresOptions::bounds.age");
  check_schema_name("PostgresOptions::schema", options.schema);
  try {
    return std::make_shared<PostgresEventLog>(PgWriter::Options{.connection = {.url = url, .schema = options.schema},
                                                                .bounds = options.bounds,
                                                                .new_epoch = new_store_epoch()},
                                              options.preload);
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("cannot open the store \"" + address + "\": " + failure.what());
  }
}

}  // namespace millrace
