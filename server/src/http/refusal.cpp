#include "refusal.h"

#include "error_response.h"
#include "httplib_bridge.h"

namespace millrace {

void refuse(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
            std::string_view sentence) {
  HttplibBridge::exchange_of(request).refusal = reason;
  response.status = status;
  response.set_content(error_body(sentence), "application/json");
}

}  // namespace millrace
