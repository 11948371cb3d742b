// Strangers: connections beside those that are measured, whose patterns match nothing that is published. They ask a
// server for what would be dear if it looked at one pattern after the other: as many patterns as one may have, each of
// which takes in all of a topic but its last segment; and, of the replays, for the whole log anew every second.
#pragma once

#include <sys/types.h>

#include "load.h"

namespace millrace::load {

class Strangers {
 public:
  /// Returns once all are connected, in a process of their own. Throws std::runtime_error if one is refused.
  explicit Strangers(const Load& load);
  /// The process ends.
  ~Strangers();
  Strangers(const Strangers&) = delete;
  Strangers& operator=(const Strangers&) = delete;

 private:
  pid_t process_ = -1;
};

}  // namespace millrace::load
