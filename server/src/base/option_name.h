// What an option is called in a sentence that somebody reads who may know it by another name than C++'s.
#pragma once

#include <string>
#include <string_view>

#include "millrace/server/options.h"

namespace millrace {

/// `field` is a member of ServerOptions.
inline std::string name_of_option(const ServerOptions& options, std::string_view field) {
  const std::string name = "ServerOptions::" + std::string(field);
  const std::string said = options.option_name != nullptr ? options.option_name(name) : std::string();
  return said.empty() ? name : said;
}

}  // namespace millrace
