#include "failure.h"

namespace millrace {

std::string sentence_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "an exception that is not a std::exception";
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

}  // namespace millrace
