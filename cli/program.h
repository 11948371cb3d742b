// The command line of `millrace`: the subcommands, and what a file and the environment add to them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "command.h"
#include "configuration.h"
#include "settings.h"

namespace millrace::cli {

/// What a command knows of how it was called.
struct Invocation {
  Settings settings;
  std::string config_file;               ///< --config; empty without
  std::function<Settings()> read_again;  ///< the settings by the file as it is now; throws UsageError. Any thread
};

/// Runs what the arguments, without the program's name, ask for. Returns the exit code; prints what is wrong with the
/// arguments. Throws what the command throws.
int run_program(const std::vector<std::string>& arguments);

}  // namespace millrace::cli
