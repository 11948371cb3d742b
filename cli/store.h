// The store that `millrace serve --store` names.
#pragma once

#include <memory>

#include "millrace/server/event_store.h"
#include "serve_options.h"

namespace millrace::cli {

/// Throws UsageError for an option that only another store has: it would have no effect.
void check_store_options(const ServeOptions& options);

/// Opens it; null without --store. Throws UsageError if it is unknown, InvalidOption and StoreUnavailable as
/// open_sqlite(), open_jetstream(), open_postgres() and open_redis() do; the latter's message begins with the option.
std::shared_ptr<EventStore> open_store(const ServeOptions& options);

}  // namespace millrace::cli
