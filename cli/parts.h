// The parts in this build of the program; CMake's MILLRACE_WITH_… can leave each out. Code after `if constexpr (kHas…)`
// needs no library in a build without the part.
#pragma once

#include <string>

#include "command.h"

namespace millrace::cli {

inline constexpr bool kHasJwt = MILLRACE_HAS_JWT;
inline constexpr bool kHasMetrics = MILLRACE_HAS_METRICS;
inline constexpr bool kHasNats = MILLRACE_HAS_NATS;
inline constexpr bool kHasPostgres = MILLRACE_HAS_POSTGRES;
inline constexpr bool kHasRedis = MILLRACE_HAS_REDIS;
inline constexpr bool kHasSqlite = MILLRACE_HAS_SQLITE;

/// Refuses `option`, which needs a missing part; names the part's target and CMake option.
[[noreturn]] inline void refuse_without(const std::string& option, const std::string& part,
                                        const std::string& cmake_option) {
  throw UsageError(option + ": this program was built without " + part + "; build it with the CMake option " +
                   cmake_option + "=ON");
}

}  // namespace millrace::cli
