// How a handler says no: a status, and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <httplib.h>

#include <string_view>

#include "../ops/refusal_reason.h"

namespace millrace {

/// What strangers are told of a store in trouble. Its own words, in which paths and hosts may be, go to the log.
inline constexpr std::string_view kStoreTakesNothing = "the store takes no events now; the server's log says why";
inline constexpr std::string_view kStoreReadsNothing = "the store cannot be read now; the server's log says why";

/// What strangers are told of an exception.
inline constexpr std::string_view kNoMemory = "the server has no memory for this request";
inline constexpr std::string_view kHandlerHasFailed = "the server has failed to answer; its log may say why";

/// `request` is the one being handled; the refusal is counted by status and reason.
void refuse(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
            std::string_view sentence);

}  // namespace millrace
