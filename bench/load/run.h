// One run of a load: connects subscribers, publishes events, and reports the results.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "load.h"

namespace millrace::load {

/// Returns the report, which counts lost, duplicate and reordered events as failures. Throws std::runtime_error or
/// std::system_error if the load cannot run at all.
nlohmann::ordered_json run_load(const Load& load);

/// Whether the report has no lost, duplicate or reordered event, and no refused or closed stream.
bool is_clean(const nlohmann::ordered_json& report);

}  // namespace millrace::load
