// The trace that a request belongs to, as its client says. [W3C Trace Context] Pure.
#pragma once

#include <string_view>
#include <vector>

#include "millrace/core/trace_context.h"

namespace millrace {

/// What the values of a request's fields say. Two parents, or an invalid one, count as none; of an invalid state only
/// the parent counts.
OwnedTraceContext trace_context(const std::vector<std::string_view>& parents,
                                const std::vector<std::string_view>& states);

}  // namespace millrace
