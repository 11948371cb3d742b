#include "refusal.h"

#include "error_response.h"

namespace millrace {

void refuse(httplib::Response& response, int status, std::string_view sentence) {
  response.status = status;
  response.set_content(error_body(sentence), "application/json");
}

std::optional<Authorizer::Decision> allowed(const Authorizer& authorizer, const httplib::Request& request,
                                            httplib::Response& response, Authorizer::Action action,
                                            const std::vector<std::string>& topics) {
  Authorizer::Decision decision = authorizer.decide(request, action, topics);
  if (decision.status == 200) return decision;
  if (decision.status == 401) response.set_header("WWW-Authenticate", "Bearer");
  refuse(response, decision.status, decision.reason);
  return std::nullopt;
}

}  // namespace millrace
