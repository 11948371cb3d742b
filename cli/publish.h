// `millrace publish URL --topic T DATA|-`: publishes one event, or one for each line of standard input.
#pragma once

#include <CLI/CLI.hpp>

#include "command.h"

namespace millrace::cli {

void add_publish(CLI::App& app, Command& command);

}  // namespace millrace::cli
