// `millrace serve`: a server of event streams, ready to run.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"
#include "program.h"

namespace millrace::cli {

/// `invocation`, which must stay at its address, is complete when the command runs.
void add_serve(CLI::App& app, Command& command, const Invocation& invocation);

}  // namespace millrace::cli
