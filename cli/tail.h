// `millrace tail URL`: prints the events of a stream as they arrive.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"

namespace millrace::cli {

void add_tail(CLI::App& app, Command& command);

}  // namespace millrace::cli
