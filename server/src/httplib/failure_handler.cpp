#include "failure_handler.h"

#include <new>
#include <string>
#include <string_view>

#include "base/failure.h"
#include "http/error_response.h"
#include "millrace/server/publication.h"
#include "refusal.h"
#include "shares/retry_spread.h"

namespace millrace {

namespace {

template <typename Exception>
bool is(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Exception&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void FailureHandler::operator()(const httplib::Request& request, httplib::Response& response,
                                const std::exception_ptr& exception) const {
  const auto refuse_for_now = [&](RefusalReason reason, std::string_view sentence) {
    response.set_header("Retry-After", std::to_string(kRetryAfter.count() / 1000));
    refuse(request, response, 503, reason, sentence);
  };
  if (is<std::bad_alloc>(exception)) {
    refuse_for_now(RefusalReason::kMemory, kNoMemory);
  } else if (is<StoreUnavailable>(exception)) {
    refuse_for_now(RefusalReason::kStore, kStoreTakesNothing);
  } else {
    refuse(request, response, 500, RefusalReason::kHandler, kHandlerHasFailed);
  }
  report_failure(options->on_failure, name_of(request.method, request.target), exception);
}

}  // namespace millrace
