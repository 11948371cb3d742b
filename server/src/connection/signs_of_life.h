// SignsOfLife: whether the machine of an event stream's client still acknowledges sent bytes.
#pragma once

#include "millrace/core/time.h"

namespace millrace {

class SignsOfLife {
 public:
  /// Bytes have been sent, at `now` at the latest.
  void owes_a_sign(TimePoint now) {
    if (now < unheard_since_) unheard_since_ = now;
  }

  /// Whether the machine has owed an acknowledgement (of bytes in flight, or of a window probe) for `timeout`. A
  /// machine whose program does not read acknowledges window probes, so its stream stays: a cursor costs nothing.
  /// (TCP_USER_TIMEOUT would cut it.)
  bool is_lost(int socket, TimePoint now, Duration timeout);

 private:
  TimePoint unheard_since_ = TimePoint::max();  // while sent bytes are unacknowledged
};

}  // namespace millrace
