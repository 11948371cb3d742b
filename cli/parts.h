// What this build of the program has: each part can be left out (CMake's MILLRACE_WITH_…). What stands behind
// `if constexpr (kHas…)` needs no library where the part is left out.
#pragma once

#include <string>

#include "command.h"

namespace millrace::cli {

inline constexpr bool kHasJwt = MILLRACE_HAS_JWT;
inline constexpr bool kHasMetrics = MILLRACE_HAS_METRICS;
inline constexpr bool kHasNats = MILLRACE_HAS_NATS;
inline constexpr bool kHasSqlite = MILLRACE_HAS_SQLITE;

/// Refuses `option`, which needs a part that is left out: its target, and the CMake option for it.
[[noreturn]] inline void refuse_without(const std::string& option, const std::string& part,
                                        const std::string& cmake_option) {
  throw UsageError(option + ": this program was built without " + part + "; build it with the CMake option " +
                   cmake_option + "=ON");
}

}  // namespace millrace::cli
