// SendingWays: how a server sends events to many sockets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace millrace {

/// The number of event loops that send in each way.
struct SendingWays {
  std::size_t io_uring = 0;                 ///< loops that send to many sockets in one call, with io_uring
  std::size_t send = 0;                     ///< loops that call send() for each socket
  std::optional<std::string> why_not = {};  ///< why io_uring cannot be used, if it was requested
};

}  // namespace millrace
