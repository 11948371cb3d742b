// One run of a load: subscribers are connected, events are published, and what came of it is added up.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "load.h"

namespace millrace::load {

/// The report. Throws std::runtime_error or std::system_error if the load cannot be put on the server at all;
/// what the server loses, doubles or mixes up stands in the report as failures.
nlohmann::ordered_json run_load(const Load& load);

/// Whether the report has nothing lost, doubled, out of order, refused or closed.
bool is_clean(const nlohmann::ordered_json& report);

}  // namespace millrace::load
