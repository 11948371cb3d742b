// `millrace top`: a live view of a running server.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <string_view>

#include "command.h"

namespace millrace::cli {

void add_top(CLI::App& app, Command& command);

/// The samples of a page of Prometheus' text format, by name and labels: `millrace_refusals_total{status="503",…}`.
/// Ignores lines that it cannot read.
std::map<std::string, double, std::less<>> samples_in(std::string_view page);

}  // namespace millrace::cli
