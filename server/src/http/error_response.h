// Millrace's refusals: a status and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <string>
#include <string_view>

#include "request_head.h"

namespace millrace {

/// What strangers are told of a store in trouble. Its own words, in which paths and hosts may be, go to the log.
inline constexpr std::string_view kStoreTakesNothing =
    "the store accepts no events at the moment; the server's log has the reason";
inline constexpr std::string_view kStoreReadsNothing =
    "the store cannot be read at the moment; the server's log has the reason";

/// What strangers are told of an exception.
inline constexpr std::string_view kNoMemory = "the server has no memory for this request";
inline constexpr std::string_view kHandlerHasFailed = "the server failed to answer; its log may have the reason";

/// What stands behind the status in a response's first line, in cpp-httplib's words.
std::string_view reason_phrase(int status);

/// The body.
std::string error_body(std::string_view sentence);

/// A whole response that closes the connection, for requests that never reach cpp-httplib. `retry_after`: seconds, for
/// that header; empty for none. `lines`: further ones of the head, each with its CRLF. A method that no path has (405)
/// is refused in favour of those that there are routes for.
std::string error_response(const RequestError& error, std::string_view retry_after = {}, std::string_view lines = {});

}  // namespace millrace
