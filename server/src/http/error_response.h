// Millrace's refusals: a status and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <string>
#include <string_view>

#include "request_head.h"

namespace millrace {

/// What clients get if the store fails. The store's own sentence, which may contain paths and hosts, goes to the log.
inline constexpr std::string_view kStoreTakesNothing =
    "the store accepts no events at the moment; the server's log has the reason";
inline constexpr std::string_view kStoreReadsNothing =
    "the store cannot be read at the moment; the server's log has the reason";

/// What clients get if the server fails.
inline constexpr std::string_view kNoMemory = "the server has no memory for this request";
inline constexpr std::string_view kHandlerHasFailed = "the server failed to answer; its log may have the reason";

/// The reason phrase of a status, as cpp-httplib has it.
std::string_view reason_phrase(int status);

/// The JSON body with this sentence.
std::string error_body(std::string_view sentence);

/// A complete response that closes the connection, for requests that never reach cpp-httplib. `retry_after`: the
/// header's value in seconds; empty: no such header. `lines`: more lines of the head, each with its CRLF.
std::string error_response(const RequestError& error, std::string_view retry_after = {}, std::string_view lines = {});

}  // namespace millrace
