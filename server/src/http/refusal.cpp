#include "refusal.h"

#include "error_response.h"

namespace millrace {

void refuse(httplib::Response& response, int status, std::string_view sentence) {
  response.status = status;
  response.set_content(error_body(sentence), "application/json");
}

}  // namespace millrace
