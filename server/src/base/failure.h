// Handles exceptions of the program's own code: reports them, so that they end no thread.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <string_view>

namespace millrace {

/// The text of the exception.
std::string sentence_of(const std::exception_ptr& exception);

/// Gets the exceptions of the user's code: ServerOptions::on_failure.
using OnFailure = std::function<void(const std::string&)>;

/// Reports the exception as "<where>: <its text>". Ignores exceptions of the callback itself: nothing could report
/// them.
void report_failure(const OnFailure& on_failure, std::string_view where, const std::exception_ptr& exception) noexcept;

/// Calls the user's code. Reports exceptions instead of passing them on, because on a thread of the server they would
/// end the program. Returns true if the code has thrown nothing.
template <typename Call>
bool call_guarded(const OnFailure& on_failure, std::string_view where, const Call& call) noexcept {
  try {
    call();
    return true;
  } catch (...) {
    report_failure(on_failure, where, std::current_exception());
    return false;
  }
}

/// The name of a request in reports, without its query, which may contain a secret.
std::string name_of(std::string_view method, std::string_view target);

}  // namespace millrace
