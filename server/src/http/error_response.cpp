#include "error_response.h"

#include <nlohmann/json.hpp>

namespace millrace {

namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 408:
      return "Request Timeout";
    case 414:
      return "URI Too Long";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

}  // namespace

std::string error_body(std::string_view sentence) {
  // What the client sent may be quoted in it, and need not be UTF-8.
  return nlohmann::json{{"error", sentence}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::string error_response(const RequestError& error, std::string_view retry_after) {
  const std::string body = error_body(error.sentence);
  std::string response = "HTTP/1.1 " + std::to_string(error.status) + ' ';
  response.append(reason_phrase(error.status)).append("\r\nContent-Type: application/json\r\nConnection: close\r\n");
  if (!retry_after.empty()) response.append("Retry-After: ").append(retry_after).append("\r\n");
  return response.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

}  // namespace millrace
