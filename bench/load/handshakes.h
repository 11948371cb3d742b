// HandshakeLoad: clients beside those that are measured, which connect by TLS, ask nothing, and leave: so many a
// second.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "load.h"

namespace millrace::load {

class HandshakeLoad {
 public:
  /// Begins at once, in a process of its own; does nothing where the load has none.
  explicit HandshakeLoad(const Load& load);
  /// The process ends.
  ~HandshakeLoad();
  HandshakeLoad(const HandshakeLoad&) = delete;
  HandshakeLoad& operator=(const HandshakeLoad&) = delete;

  /// Handshakes done so far.
  std::uint64_t done() const;

 private:
  std::atomic<std::uint64_t>* done_ = nullptr;  // shared with the process
  pid_t process_ = -1;
};

}  // namespace millrace::load
