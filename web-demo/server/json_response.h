// The responses of the demo's routes.
#pragma once

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <string_view>

namespace millrace::demo {

inline void respond(httplib::Response& response, int status, const nlohmann::json& body) {
  response.status = status;
  // A quotation from a request may be invalid UTF-8.
  response.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n', "application/json");
}

inline void refuse(httplib::Response& response, int status, std::string_view sentence) {
  respond(response, status, {{"error", sentence}});
}

}  // namespace millrace::demo
