#include "error_response.h"

#include <nlohmann/json.hpp>

namespace millrace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

std::string error_body(std::string_view sentence) {
  // The sentence may quote the client's text, which may be invalid UTF-8. Not a JSON object: where there is no memory,
  // the library ends the program instead of releasing one.
  const nlohmann::json text(sentence);
  return "{\"error\":" + text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "}\n";
}

std::string error_response(const RequestError& error, std::string_view retry_after, std::string_view lines) {
  const std::string body = error_body(error.sentence);
  std::string response = "HTTP/1.1 " + std::to_string(error.status) + ' ';
  response.append(reason_phrase(error.status)).append("\r\nContent-Type: application/json\r\nConnection: close\r\n");
  if (!retry_after.empty()) response.append("Retry-After: ").append(retry_after).append("\r\n");
  response.append(lines);
  return response.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

}  // namespace millrace
