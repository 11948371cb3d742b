// LoneConnection: a connection with a loop, as an exchange needs one, whose client has sent all it will. What is
// written to it can be read back.
#pragma once

#include <sys/socket.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "connection/transport_wire.h"
#include "failure.h"
#include "http/request_intake.h"
#include "lone_hub.h"

namespace millrace::test {

class LoneConnection {
 public:
  /// An exchange for a request that is whole, which stays where it is.
  Exchange exchange(RequestIntake& intake) {
    return {.loop = loop_,
            .connection = connection_,
            .socket = sockets_[0],
            .head = intake.head(),
            .input = intake.input(),
            .wire = std::make_shared<TransportWire>(connection_.transport())};
  }

  /// What has been written to the socket since the last time.
  std::string written() {
    std::string all;
    std::array<char, 65'536> buffer;
    while (true) {
      const ssize_t count = ::recv(sockets_[1], buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count <= 0) return all;
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  LoneHub hub_{{.history_events = 10, .history_bytes = 10'000, .epoch = "epoch", .clock = monotonic_now}};
  ConnectionCounts counts_;
  RefusalCounters refusals_;
  ConnectionLoop loop_{hub_,
                       {.options = {},
                        .read_timeout = Duration{10},
                        .write_timeout = Duration{10},
                        .keep_alive = Duration{10},
                        .max_requests = 10,
                        .refusals = &refusals_,
                        .presence = nullptr},
                       counts_,
                       [](const std::shared_ptr<Exchange>&) {},
                       [](const std::function<void()>&) {}};
  std::array<int, 2> sockets_ = [] {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) stop("no sockets");
    ::shutdown(pair[1], SHUT_WR);  // a body that is not whole ends there
    return pair;
  }();
  Connection connection_{loop_, sockets_[0], Quota::Share()};
};

}  // namespace millrace::test
