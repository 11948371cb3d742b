// Retry-After: how long a server asks to be left alone. [RFC 9110 10.2.3]
//
// The header is a number of seconds or a date. A date means something only beside the present, which the caller gives:
// the response's own Date header where it has one (then a wrong clock on either machine does no harm), else its clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/core/time.h"

namespace millrace {

/// Seconds since 1970-01-01 UTC; nothing if `text` is none of HTTP's three forms of a date. [RFC 9110 5.6.7]
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// The wait that `value` asks for, cut to kMaxReconnectionTime; a date that has passed asks for none. Nothing if it is
/// malformed, or a date without `present` (seconds since 1970 UTC).
std::optional<Duration> parse_retry_after(std::string_view value, std::optional<std::int64_t> present);

/// The time that a number of seconds in a header stands for (Retry-After's first form, Millrace-Heartbeat), cut to
/// kMaxReconnectionTime; nothing if it is not one.
std::optional<Duration> parse_seconds(std::string_view value);

}  // namespace millrace
