#include <stdexcept>

#include "base/option_time.h"
#include "jetstream_event_log.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/jetstream.h"
#include "store_address.h"

namespace millrace {

std::shared_ptr<EventStore> open_jetstream(const std::string& url, const JetStreamOptions& options) {
  // Does not show the rest, which may contain a password.
  if (!StoreAddress::is_one(url)) {
    throw InvalidOption("open_jetstream(url)",
                        "unknown scheme \"" + url.substr(0, url.find(':')) + "\"; expected nats://HOST or tls://HOST");
  }
  require_age(options.bounds.age, "JetStreamOptions::bounds.age");
  if (options.replicas.value_or(1) > kMaxStoreReplicas || options.replicas == 0) {
    throw InvalidOption(
        "JetStreamOptions::replicas",
        std::to_string(*options.replicas) + " is out of range; expected 1 to " + std::to_string(kMaxStoreReplicas));
  }
  const StoreAddress address = StoreAddress::parse(url);
  try {
    return std::make_shared<JetStreamEventLog>(JetStreamEventLog::Options{.address = address,
                                                                          .credentials = options.credentials,
                                                                          .replicas = options.replicas,
                                                                          .bounds = options.bounds,
                                                                          .new_epoch = new_store_epoch(),
                                                                          .preload = options.preload,
                                                                          .monitoring_port = options.monitoring_port});
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("cannot open the store \"" + address.shown() + "\": " + failure.what());
  }
}

}  // namespace millrace
