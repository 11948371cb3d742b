// Parses which event streams to end: `{"user":…}`, `{"client":…}`, `{"topic":…}`, or several of them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/server/subscription.h"

namespace millrace {

/// Returns nothing, and a sentence in `error`, if the body is invalid.
std::optional<StreamSelection> parse_stream_selection(std::string_view body, std::string& error);

}  // namespace millrace
