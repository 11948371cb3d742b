#include "failure.h"

#include <new>

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

std::string sentence_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

void report_failure(const OnFailure& on_failure, std::string_view where, const std::exception_ptr& exception) noexcept {
  if (on_failure == nullptr) return;
  try {
    on_failure(std::string(where) + ": " + sentence_of(exception));
  } catch (...) {
  }
}

std::string name_of(std::string_view method, std::string_view target) {
  return std::string(method).append(" ").append(target.substr(0, target.find('?')));
}

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
