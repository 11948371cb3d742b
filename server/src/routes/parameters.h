// The parameters of a subscription's query.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// The values of all parameters with that name, in order.
std::vector<std::string> parameters_of(const httplib::Request& request, std::string_view name);

/// How a parameter is spelt whose name looks like a misspelt one of a subscription's; nothing if it does not, or is
/// spelt right. Names that are somebody else's (`token`, `_`, `client_id`) are nobody's business.
std::optional<std::string_view> right_spelling_of(std::string_view name);

}  // namespace millrace
