// Acceptor: takes new connections off a listening socket until that is shut down.
//
// What goes wrong with one connection, or for lack of a descriptor, does not end it.
#pragma once

#include <functional>

namespace millrace {

class Acceptor {
 public:
  /// Keeps a descriptor of its own for the socket, so that whoever shuts it down may close theirs at any time.
  explicit Acceptor(int listening_socket);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Hands each connection to `take`, as a socket that does not block, until the listening socket is shut down or there
  /// is none.
  void run(const std::function<void(int)>& take) const;

 private:
  const int socket_;
};

}  // namespace millrace
