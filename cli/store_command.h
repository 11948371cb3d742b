// `millrace store check|migrate|export|import`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "command.h"
#include "settings.h"

namespace millrace::cli {

/// `settings_of_serve`: the settings of `millrace serve` with this file of options, which may be empty.
void add_store(CLI::App& app, Command& command,
               std::function<Settings(const std::string& config_file)> settings_of_serve);

}  // namespace millrace::cli
