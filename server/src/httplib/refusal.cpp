#include "refusal.h"

#include "connection/connection_loop.h"
#include "http/error_response.h"
#include "httplib_bridge.h"

namespace millrace {

void refuse(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
            std::string_view sentence) {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  exchange.refusal = reason;
  // Whichever route refuses, or without a route: a web page that may read answers may read refusals.
  if (const CrossOrigin* cross_origin = exchange.loop.settings().cross_origin) {
    cross_origin->add_to(request, response);
  }
  response.status = status;
  response.set_content(error_body(sentence), "application/json");
}

}  // namespace millrace
