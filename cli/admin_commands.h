// The commands for operators of a running server: `millrace kick`, `topics`, `inspect`, `top` and `healthcheck`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "command.h"
#include "settings.h"

namespace millrace::cli {

void add_kick(CLI::App& app, Command& command);
void add_topics(CLI::App& app, Command& command);
void add_inspect(CLI::App& app, Command& command);

/// `settings_of_serve`: the settings of `millrace serve` with this file of options, which may be empty.
void add_healthcheck(CLI::App& app, Command& command,
                     std::function<Settings(const std::string& config_file)> settings_of_serve);

}  // namespace millrace::cli
