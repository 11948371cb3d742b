#include "failure.h"

#include <string>

#include "refusal.h"

namespace millrace {

namespace {

std::string sentence_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace

void FailureHandler::operator()(const httplib::Request& request, httplib::Response& response,
                                const std::exception_ptr& exception) const {
  refuse(request, response, 500, RefusalReason::kHandler, "the server has failed to answer; its log may say why");
  if (options->on_failure == nullptr) return;
  // Without its query, in which something secret may be.
  const std::string path = request.target.substr(0, request.target.find('?'));
  options->on_failure(request.method + " " + path + ": " + sentence_of(exception));
}

}  // namespace millrace
