// A handler's refusal: a status, and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <httplib.h>

#include <string_view>

#include "shares/refusal_reason.h"

namespace millrace {

/// `request` is the one being handled; the refusal is counted by status and reason.
void refuse(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
            std::string_view sentence);

}  // namespace millrace
