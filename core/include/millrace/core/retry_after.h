// Retry-After: how long a server asks clients to wait. [RFC 9110 10.2.3]
//
// The header is a number of seconds or a date. For a date the caller passes the present: the response's Date header if
// it has one (a wrong clock on either machine is then harmless), otherwise its own clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/core/time.h"

namespace millrace {

/// Returns seconds since 1970-01-01 UTC; nothing if `text` is not one of HTTP's three date formats. [RFC 9110 5.6.7]
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// Returns the wait in `value`, at most kMaxReconnectionTime; zero for a date in the past. Nothing if it is malformed,
/// or a date without `present` (seconds since 1970 UTC).
std::optional<Duration> parse_retry_after(std::string_view value, std::optional<std::int64_t> present);

/// Returns the time of a header with a number of seconds (Retry-After's first form, Millrace-Heartbeat), at most
/// kMaxReconnectionTime; nothing if `value` is not a number.
std::optional<Duration> parse_seconds(std::string_view value);

}  // namespace millrace
