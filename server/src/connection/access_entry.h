// AccessEntry: what an AccessRecord is made of while its request is answered, or its stream is open. Exists only if
// the program wants records.
//
// Whoever has the exchange or the stream owns it: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "millrace/core/time.h"
#include "millrace/server/access_record.h"
#include "millrace/server/options.h"

namespace millrace {

struct AccessEntry {
  AccessRecord record = {};
  TimePoint began{};
};
using AccessEntryPtr = std::shared_ptr<AccessEntry>;  // what defers work copies it

/// An entry for the request whose text begins so; null if the program wants no records.
AccessEntryPtr begin_access(const ServerOptions& options, std::string_view request, std::string_view address,
                            TimePoint now);

/// Gives the record to the program. Does nothing if there is no entry. Its exceptions go to on_failure.
void end_access(const ServerOptions& options, AccessEntryPtr entry, TimePoint now);

}  // namespace millrace
