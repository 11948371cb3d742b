// thread_report(): what the threads of this process do, as the system says.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

namespace millrace::cli {

/// Most threads in a report; `more` counts the others.
inline constexpr std::size_t kMaxReportedThreads = 1'000;

/// Of each thread its number, name, state, CPU time since it began, and how often it has waited (voluntary switches)
/// and was made to wait (involuntary ones). Nothing where there is no /proc.
std::optional<nlohmann::ordered_json> thread_report();

}  // namespace millrace::cli
