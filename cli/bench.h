// `millrace bench`: puts a load on a server of event streams, checks what comes, and reports it as JSON.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"

namespace millrace::cli {

void add_bench(CLI::App& app, Command& command);

}  // namespace millrace::cli
