// The names of `millrace serve`'s options in the library and on the command line. All messages use it: about invalid
// options at the start, and about refusals later.
#pragma once

#include <string>
#include <string_view>

#include "millrace/server/invalid_option.h"

namespace millrace::cli {

/// The command-line name of `option`, which has its C++ name: `--cors-origin` for `ServerOptions::cors.origins`.
std::string typed_name(std::string_view option);

/// The message about an option, with its command-line name.
std::string sentence_of(const InvalidOption& failure);

}  // namespace millrace::cli
