// Opens the store that ServerOptions::store.address names.
#pragma once

#include <memory>
#include <string>

#include "event_log.h"
#include "millrace/server/options.h"

namespace millrace {

/// Null where the options name none. `new_epoch` is that of a store that is made. Throws std::invalid_argument if there
/// is no such kind of store, StoreUnavailable if it cannot be opened; the message names it.
std::shared_ptr<EventStore> open_store(const ServerOptions& options, const std::string& new_epoch);

}  // namespace millrace
