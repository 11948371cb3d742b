// How a server sends events to many sockets.
#pragma once

#include <cstddef>
#include <string>

namespace millrace {

/// How the event loops hand events to the system.
struct SendingWays {
  std::size_t io_uring = 0;  ///< loops that send to many sockets in one call, by io_uring
  std::size_t send = 0;      ///< loops that call send() for each
  std::string why_not = {};  ///< why not by io_uring, where that was wanted
};

}  // namespace millrace
