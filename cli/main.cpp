// The program `millrace`. Exit codes: 0 success, 1 failure, 2 invalid command line.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string_view>

#include "command.h"
#include "program.h"
#include "terminal_text.h"

namespace {

using namespace millrace::cli;

const std::terminate_handler kFailOtherwise = std::get_terminate();

// Memory may run out anywhere; this uses none.
[[noreturn]] void end_without_memory() noexcept {
  constexpr std::string_view kSentence =
      "millrace: out of memory; lower --history-bytes and --max-connections to make a server need less\n";
  try {
    if (const std::exception_ptr failure = std::current_exception()) std::rethrow_exception(failure);
  } catch (const std::bad_alloc&) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kSentence.data(), kSentence.size());
    std::_Exit(kFailure);
  } catch (...) {
  }
  kFailOtherwise();
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(end_without_memory);
  try {
    return run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "millrace: " << printable(error.what()) << '\n';  // parts of it may come from outside
  } catch (...) {
    std::fputs("millrace: failed\n", stderr);
  }
  return kFailure;
}
