// The program's log: lines on stderr, as text or as JSON objects.
#pragma once

#include <string>

namespace millrace::cli {

/// `level` is debug, info, warning or error; `format` is text or json.
void set_up_log(const std::string& level, const std::string& format);

}  // namespace millrace::cli
