#include "signs_of_life.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace millrace {

#ifdef __linux__

bool SignsOfLife::is_lost(int socket, TimePoint now, Duration timeout) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (info.tcpi_unacked == 0 && info.tcpi_probes == 0) {
    unheard_since_ = TimePoint::max();
    return false;
  }
  const TimePoint last_heard = now - Duration{info.tcpi_last_ack_recv};
  if (unheard_since_ == TimePoint::max() || last_heard > unheard_since_) unheard_since_ = now;
  return now - unheard_since_ >= timeout;
}

#else

// Other systems do not report when a machine was last heard. They give up its connection themselves, later.
bool SignsOfLife::is_lost(int, TimePoint, Duration) {
  return false;
}

#endif

}  // namespace millrace
