// How a handler says no: a status, and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <httplib.h>

#include <string_view>

namespace millrace {

void refuse(httplib::Response& response, int status, std::string_view sentence);

}  // namespace millrace
