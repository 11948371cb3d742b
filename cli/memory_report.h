// memory_report(): what holds a server's memory, by its own figures and those of the C library.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "millrace/server/metrics_format.h"

namespace millrace::cli {

/// Three objects: `process`, as the system counts; `allocator`, as the C library's malloc does, if it says (glibc); and
/// `millrace`, what the server keeps, with the numbers of things that cost memory and that it does not count in bytes.
nlohmann::ordered_json memory_report(const std::vector<Metric>& metrics);

}  // namespace millrace::cli
