#include "transport_wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "poll_time.h"

namespace millrace {

namespace {

bool wait_for(int socket, short events, Duration timeout) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, poll_milliseconds(timeout));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

bool TransportWire::wait_for_input(Duration timeout) {
  return transport_.has_pending_input() || wait_for(transport_.socket(), POLLIN, timeout);
}

bool TransportWire::wait_for_room(Duration timeout) {
  return wait_for(transport_.socket(), POLLOUT, timeout);
}

bool TransportWire::has_client_left() const {
  return wait_for(transport_.socket(), POLLRDHUP, Duration{0});
}

// The socket stays open while its worker waits, so the descriptor cannot belong to another connection.
void TransportWire::cut() {
  ::shutdown(transport_.socket(), SHUT_RDWR);
}

}  // namespace millrace
