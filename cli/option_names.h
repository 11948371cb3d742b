// What the options of `millrace serve` are called in the library, and here. One mechanism for all sentences: of what
// cannot be honoured at the start, and of what is refused later.
#pragma once

#include <string>
#include <string_view>

#include "millrace/server/invalid_option.h"

namespace millrace::cli {

/// What was typed to set `option`, whose name is C++'s, such as `ServerOptions::cors_origins`: `--cors-origin`.
std::string typed_name(std::string_view option);

/// The sentence about an option in the words of the command line.
std::string sentence_of(const InvalidOption& failure);

}  // namespace millrace::cli
