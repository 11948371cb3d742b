// The name of an option in messages: the program's own name for it, otherwise the one in C++.
#pragma once

#include <string>
#include <string_view>

#include "millrace/server/options.h"

namespace millrace {

/// `field` is a member of ServerOptions with its group, such as `http.allowed_hosts`.
inline std::string name_of_option(const ServerOptions& options, std::string_view field) {
  const std::string name = "ServerOptions::" + std::string(field);
  const std::string said = options.option_name != nullptr ? options.option_name(name) : std::string();
  return said.empty() ? name : said;
}

}  // namespace millrace
