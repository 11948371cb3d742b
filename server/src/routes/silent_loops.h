// Answers requests for which an event loop that is stuck has not done its part.
#pragma once

#include <cstddef>
#include <string>

#include "connection/loop_answers.h"
#include "httplib/refusal.h"

namespace millrace {

/// 503. `consequence`: what is missing, after a colon.
inline void refuse_silence(const httplib::Request& request, httplib::Response& response, std::size_t silent_loops,
                           const std::string& consequence) {
  const bool is_one = silent_loops == 1;
  refuse(request, response, 503, RefusalReason::kLoops,
         std::to_string(silent_loops) + (is_one ? " event loop has" : " event loops have") + " not answered within " +
             std::to_string(kLoopPatience.count()) + " s: " + consequence);
}

}  // namespace millrace
