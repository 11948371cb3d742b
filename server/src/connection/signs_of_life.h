// SignsOfLife: whether the machine of an event stream's client still acknowledges what it is sent.
#pragma once

#include "millrace/core/time.h"

namespace millrace {

class SignsOfLife {
 public:
  /// Something has been sent by `now`.
  void owes_a_sign(TimePoint now) {
    if (now < unheard_since_) unheard_since_ = now;
  }

  /// Whether it has given no sign for `timeout`, though it owes one: for bytes on their way, or for a question whether
  /// there is room again. One whose program does not read answers that question, and may stay: a cursor costs nothing.
  /// (TCP_USER_TIMEOUT would cut it.)
  bool is_lost(int socket, TimePoint now, Duration timeout);

 private:
  TimePoint unheard_since_ = TimePoint::max();  // while what has been sent is unanswered
};

}  // namespace millrace
