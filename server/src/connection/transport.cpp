#include "transport.h"

#include <unistd.h>

#include "socket_calls.h"

namespace millrace {

Transport::~Transport() {
  if (socket_ >= 0) ::close(socket_);
}

ssize_t Transport::read_socket(char* data, std::size_t size) {
  while (true) {
    const ssize_t count = ::recv(socket_, data, size, MSG_DONTWAIT);
    if (count >= 0) return count;
    if (errno != EINTR) return -errno;
  }
}

ssize_t Transport::write(std::string_view bytes) {
  iovec buffer{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};  // iovec is not const
  return write({&buffer, 1});
}

ssize_t Transport::write_socket(std::span<iovec> buffers) {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  while (true) {
    const ssize_t count = ::sendmsg(socket_, &message, kSendFlags);
    if (count >= 0) return count;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -errno;
  }
}

void Transport::end_output() {
  if (!is_clear()) tls_->say_goodbye();
  ::shutdown(socket_, SHUT_WR);
}

}  // namespace millrace
