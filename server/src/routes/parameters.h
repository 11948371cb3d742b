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

/// A parameter has an unknown value.
struct UnknownValue {
  std::string sentence;  ///< begins with the parameter's name
};

/// Whether the parameter is there, which has one valid value only. Throws UnknownValue if any of its values is another.
bool asks_for(const httplib::Request& request, std::string_view name, std::string_view known);

/// The right spelling of a name that looks like a misspelt parameter of a subscription; nothing if it does not, or is
/// spelt right. Other parameters (`token`, `_`, `client_id`) are ignored.
std::optional<std::string_view> right_spelling_of(std::string_view name);

}  // namespace millrace
