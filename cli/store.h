// The store that `millrace serve --store` names.
#pragma once

#include <memory>
#include <string>

#include "millrace/server/event_store.h"
#include "millrace/server/store_access.h"
#include "serve_options.h"

namespace millrace::cli {

/// Why no store can have this address, as a sentence that does not show more of it than its kind; empty if one can.
std::string store_complaint(const std::string& name);

/// Throws UsageError for an option that only another store has: it would have no effect.
void check_store_options(const ServeOptions& options);

/// Opens it; null without --store. Throws UsageError if it is unknown, InvalidOption and StoreUnavailable as
/// open_sqlite(), open_file_log(), open_jetstream(), open_postgres() and open_redis() do; the latter's message begins
/// with the option.
/// The log has a line about an update of the store's tables.
std::shared_ptr<EventStore> open_store(const ServeOptions& options);

/// The same store for its operators. `option` is where it is named. Throws UsageError also for NATS JetStream and
/// Redis, which have tools of their own.
std::unique_ptr<StoreAccess> access_store(const std::string& option, const std::string& store,
                                          const std::string& schema);

}  // namespace millrace::cli
