// `millrace bench`: loads a server of event streams, checks every received event, and reports as JSON.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"

namespace millrace::cli {

void add_bench(CLI::App& app, Command& command);

}  // namespace millrace::cli
