// repeat: a thread that repeats an attempt.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "millrace/core/time.h"

namespace millrace {

/// Calls `work` again and again, with a pause in between, until `stop` is requested of the thread. What it throws is
/// left at that: it is tried again.
std::jthread repeat(std::function<void(const std::stop_token&)> work, Duration pause);

}  // namespace millrace
