// The manual pages and the completions of shells, from the same options as --help.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace millrace::cli {

/// What `millrace generate` can print: man, man-COMMAND for each command, bash, zsh, fish.
std::vector<std::string> manual_kinds(const CLI::App& app);

/// Prints one of them. `app` is the whole program's.
std::string manual(const CLI::App& app, const std::string& kind);

}  // namespace millrace::cli
