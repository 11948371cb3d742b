// TakenSocket: a listening socket that others use, too, such as one of a service manager. listen() ends when its socket
// is shut down, which would end the others' listening: so cpp-httplib gets a stand-in.
#pragma once

namespace millrace {

class TakenSocket {
 public:
  /// Owns `socket`. Throws std::invalid_argument if it is not a listening TCP socket, std::system_error if the system
  /// has no descriptor left.
  explicit TakenSocket(int socket);
  ~TakenSocket();
  TakenSocket(const TakenSocket&) = delete;
  TakenSocket& operator=(const TakenSocket&) = delete;

  int socket() const { return socket_; }
  /// For the caller, who shuts it down and closes it.
  int stand_in() const { return stand_in_; }

 private:
  const int socket_;
  int stand_in_ = -1;
  int other_end_ = -1;  // as long as it is open, only shutdown() ends the stand-in
};

}  // namespace millrace
