// Which event streams a request asks to end: `{"user":…}`, `{"client":…}`, `{"topic":…}`, or several of them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/server/subscription.h"

namespace millrace {

/// Nothing, and a sentence in `error`, if the body does not say.
std::optional<StreamSelection> parse_stream_selection(std::string_view body, std::string& error);

}  // namespace millrace
