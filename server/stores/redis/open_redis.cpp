#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/option_time.h"
#include "base/random_tag.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/redis.h"
#include "redis_event_log.h"

namespace millrace {

namespace {

constexpr std::size_t kMaxNameBytes = 64;

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

std::shared_ptr<EventStore> open_redis(const std::string& url, const RedisOptions& options) {
  RedisAddress address = RedisAddress::parse(url);
  if (!options.ca_file.empty() && !address.tls) {
    throw InvalidOption("RedisOptions::ca_file", "needs an address with TLS: rediss://");
  }
  address.ca_file = options.ca_file;
  require_age(options.bounds.age, "RedisOptions::bounds.age");
  if (!is_name(options.name)) {
    throw InvalidOption("RedisOptions::name",
                        "\"" + options.name + "\" is not valid: expected 1 to 64 letters, digits, - and _");
  }
  try {
    return std::make_shared<RedisEventLog>(RedisWriter::Options{.place = {.address = address, .name = options.name},
                                                                .bounds = options.bounds,
                                                                .new_epoch = new_store_epoch(),
                                                                .tag = random_tag()},
                                           options.preload);
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("cannot open the store \"" + address.shown() + "\": " + failure.what());
  }
}

}  // namespace millrace
