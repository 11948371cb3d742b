// Handles an exception of the program's own code: reports it, and lets it end nothing.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <string_view>

namespace millrace {

/// What it says.
std::string sentence_of(const std::exception_ptr& exception);

/// Where what the user's code has thrown is reported: ServerOptions::on_failure.
using OnFailure = std::function<void(const std::string&)>;

/// Reports the exception as "<where>: what it says". One that the callback itself throws is dropped: there is nobody
/// left to tell.
void report_failure(const OnFailure& on_failure, std::string_view where, const std::exception_ptr& exception) noexcept;

/// Calls the user's code. What it throws is reported, and goes no further: on a thread of the server's it would end the
/// program. True if it has thrown nothing.
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

/// A request, as reports name it: without its query, in which something secret may be.
std::string name_of(std::string_view method, std::string_view target);

}  // namespace millrace
