// Strangers: unmeasured connections whose patterns match no published event. They are expensive for a server that tries
// one pattern after another: each has as many patterns as allowed, and each pattern matches all segments of a topic but
// the last. Replays also request the whole log every second.
#pragma once

#include <sys/types.h>

#include "load.h"

namespace millrace::load {

class Strangers {
 public:
  /// Returns when all are connected, in their own process. Throws std::runtime_error if the server refuses one.
  explicit Strangers(const Load& load);
  /// Ends the process.
  ~Strangers();
  Strangers(const Strangers&) = delete;
  Strangers& operator=(const Strangers&) = delete;

 private:
  pid_t process_ = -1;
};

}  // namespace millrace::load
