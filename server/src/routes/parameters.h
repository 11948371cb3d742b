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

/// The right spelling of a name that looks like a misspelt parameter of a subscription; nothing if it does not, or is
/// spelt right. Other parameters (`token`, `_`, `client_id`) are ignored.
std::optional<std::string_view> right_spelling_of(std::string_view name);

}  // namespace millrace
