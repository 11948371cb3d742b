// CpuProfiler in a build without gperftools.
#include "cpu_profiler.h"

namespace millrace::cli {

CpuProfile CpuProfiler::take(std::chrono::seconds /*time*/) {
  return {.outcome = CpuProfile::Outcome::kNotBuilt,
          .text =
              "this program was built without gperftools (Debian: libgoogle-perftools-dev); build it with the CMake "
              "option MILLRACE_WITH_PROFILER=ON"};
}

void CpuProfiler::stop() {}

}  // namespace millrace::cli
