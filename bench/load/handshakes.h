// HandshakeLoad: unmeasured clients that connect by TLS and leave without a request, at a given rate.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "load.h"

namespace millrace::load {

class HandshakeLoad {
 public:
  /// Begins at once, in its own process. Does nothing if the load has no handshakes.
  explicit HandshakeLoad(const Load& load);
  /// Ends the process.
  ~HandshakeLoad();
  HandshakeLoad(const HandshakeLoad&) = delete;
  HandshakeLoad& operator=(const HandshakeLoad&) = delete;

  /// Handshakes completed so far.
  std::uint64_t done() const;

 private:
  std::atomic<std::uint64_t>* done_ = nullptr;  // shared with the process
  pid_t process_ = -1;
};

}  // namespace millrace::load
