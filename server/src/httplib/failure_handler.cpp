#include "failure_handler.h"

#include <new>
#include <string>

#include "base/failure.h"
#include "http/error_response.h"
#include "millrace/core/limits.h"
#include "refusal.h"

namespace millrace {

namespace {

bool is_lack_of_memory(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void FailureHandler::operator()(const httplib::Request& request, httplib::Response& response,
                                const std::exception_ptr& exception) const {
  if (is_lack_of_memory(exception)) {
    response.set_header("Retry-After", std::to_string(kRetryAfter.count() / 1000));
    refuse(request, response, 503, RefusalReason::kMemory, kNoMemory);
  } else {
    refuse(request, response, 500, RefusalReason::kHandler, kHandlerHasFailed);
  }
  report_failure(options->on_failure, name_of(request.method, request.target), exception);
}

}  // namespace millrace
