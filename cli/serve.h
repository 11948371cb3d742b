// `millrace serve`: a server of event streams, ready to run.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"

namespace millrace::cli {

void add_serve(CLI::App& app, Command& command);

}  // namespace millrace::cli
