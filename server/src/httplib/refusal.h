// A handler's refusal: a status, and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <httplib.h>

#include <string_view>

#include "shares/refusal_reason.h"

namespace millrace {

/// Refuses `request`, whose handler is running; counts the refusal by status and reason.
void refuse(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
            std::string_view sentence);

}  // namespace millrace
