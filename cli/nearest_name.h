// The name that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

/// "; did you mean X?" with the name nearest to `typed`; empty if none is near: at most a third of its characters
/// differ. Upper and lower case count as the same, and so do `-` and `_`.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& names);

}  // namespace millrace::cli
