// The program `millrace`. Exit codes: 0 success, 1 failure, 2 invalid command line.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include "bench.h"
#include "command.h"
#include "publish.h"
#include "serve.h"
#include "tail.h"
#include "terminal_text.h"

namespace {

using namespace millrace::cli;

int complain(const std::string& problem, int exit_code) {
  std::cerr << "millrace: " << printable(problem) << '\n';
  return exit_code;
}

int run(int argc, char** argv) {
  CLI::App app{"Server-Sent Events: serve, print and publish them", "millrace"};
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  app.require_subcommand(0, 1);
  app.set_config("--config", "", "TOML file with options; a subcommand's options are in the section with its name");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.fallthrough();
  Command command;
  add_serve(app, command);
  add_tail(app, command);
  add_publish(app, command);
  add_bench(app, command);

  try {
    app.parse(argc, argv);
    if (!command)
      return complain("missing command: expected serve, tail, publish or bench; see millrace --help", kUsageError);
    return command();
  } catch (const CLI::Success& request) {  // --help and --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    const auto subcommands = app.get_subcommands();
    const std::string of = subcommands.empty() ? "" : " " + subcommands.front()->get_name();
    return complain(std::string(error.what()) + "; see millrace" + of + " --help", kUsageError);
  } catch (const UsageError& error) {
    return complain(error.what(), kUsageError);
  }
}

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
    return run(argc, argv);
  } catch (const std::exception& error) {
    return complain(error.what(), kFailure);  // parts of it may come from outside
  } catch (...) {
    std::fputs("millrace: failed\n", stderr);
  }
  return kFailure;
}
