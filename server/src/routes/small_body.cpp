#include "small_body.h"

#include "httplib/error_answers.h"
#include "httplib/httplib_bridge.h"
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
  // A length that is beyond the bound of all bodies is refused before the first byte.
  if (too_large || HttplibBridge::exchange_of(request).body_failure == BodyFailure::kTooLarge) {
    refuse(request, response, 413, RefusalReason::kBodyTooLarge,
           "body: larger than " + std::to_string(max_bytes) + " bytes");
    return std::nullopt;
  }
  if (!complete) {
    refuse_body(request, response);
    return std::nullopt;
  }
  return body;
}

}  // namespace millrace
