// The program's log: lines on stderr, as text or as JSON objects.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace millrace::cli {

/// `level` is debug, info, warning or error; `format` is text or json.
void set_up_log(const std::string& level, const std::string& format);

/// 2026-11-29T12:00:00.000Z.
std::string utc_now();

/// Prints a message on stdout for whoever has started the program: `millrace: MESSAGE`, or a JSON object with the
/// message and `fields`, whose values are text.
void announce(const std::string& format, const std::string& message,
              const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace millrace::cli
