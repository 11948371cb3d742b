#include "small_body.h"

#include "httplib/refusal.h"

namespace millrace {

std::optional<std::string> read_small_body(const httplib::Request& request, httplib::Response& response,
                                           const httplib::ContentReader& read_content, std::size_t max_bytes) {
  std::string body;
  bool too_large = false;
  const bool complete = read_content([&](const char* data, std::size_t size) {
    too_large = too_large || body.size() + size > max_bytes;
    if (!too_large) body.append(data, size);
    return !too_large;
  });
  if (too_large) {
    refuse(request, response, 413, RefusalReason::kBodyTooLarge,
           "body: larger than " + std::to_string(max_bytes) + " bytes");
    return std::nullopt;
  }
  if (!complete) {
    refuse(request, response, 400, RefusalReason::kInvalid,
           "body: ended early, or does not match its Content-Encoding");
    return std::nullopt;
  }
  return body;
}

}  // namespace millrace
