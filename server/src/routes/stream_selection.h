// Parses which event streams to end, `{"user":…}`, `{"client":…}`, `{"topic":…}`, or several of them, and when their
// clients may reconnect: `"retry":60000`, or `"forGood":true`. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/server/subscription.h"

namespace millrace {

struct EndedStreams {
  StreamSelection selection;
  Farewell farewell;
};

/// Returns nothing, and a sentence in `error`, if the body is invalid.
std::optional<EndedStreams> parse_stream_selection(std::string_view body, std::string& error);

}  // namespace millrace
