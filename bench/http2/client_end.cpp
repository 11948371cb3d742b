#include "http2/client_end.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "http2/bench_server.h"

namespace millrace::bench {

namespace {

constexpr std::size_t kPortsAnAddress = 18'000;

// The kernel chooses the port when it connects, by both ends: chosen by bind(), a port is not free while an earlier
// run's connections from the same address are in TIME_WAIT.
bool choose_port_late(int socket) {
  const int on = 1;
  return setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0;
}

int connected_socket(int port, std::size_t nth) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto host = static_cast<std::uint32_t>(nth / kPortsAnAddress);
  const sockaddr_in from{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(0x7f000101 + host)}, .sin_zero = {}};
  const sockaddr_in to{.sin_family = AF_INET,
                       .sin_port = htons(static_cast<std::uint16_t>(port)),
                       .sin_addr = {htonl(INADDR_LOOPBACK)},
                       .sin_zero = {}};
  if (socket < 0 || !choose_port_late(socket) ||
      bind(socket, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
      ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    fail(std::string("cannot connect: ") + std::strerror(errno));
  }
  return socket;
}

}  // namespace

TlsContext client_tls(bool http2) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  const std::string_view protocol = http2 ? std::string_view("\x02h2") : std::string_view("\x08http/1.1");
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocol.data()),
                          static_cast<unsigned>(protocol.size()));
  return context;
}

ClientEnd::ClientEnd(int port, SSL_CTX* tls, std::size_t nth, std::string_view requests)
    : socket_(connected_socket(port, nth)) {
  if (tls != nullptr) {
    ssl_.reset(SSL_new(tls));
    SSL_set_fd(ssl_.get(), socket_);
    if (SSL_connect(ssl_.get()) != 1) fail("the TLS handshake has failed");
  }
  send(requests);
  fcntl(socket_, F_SETFL, O_NONBLOCK);
}

ClientEnd::~ClientEnd() {
  ssl_.reset();
  close(socket_);
}

void ClientEnd::send(std::string_view bytes) {
  const auto size = static_cast<int>(bytes.size());
  const bool is_sent = ssl_ != nullptr ? SSL_write(ssl_.get(), bytes.data(), size) == size
                                       : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == size;
  if (!is_sent) fail("cannot send");
}

void ClientEnd::cut() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::string_view ClientEnd::read_some() {
  static std::array<char, 256 * 1024> buffer;
  if (ssl_ == nullptr) {
    const ssize_t count = recv(socket_, buffer.data(), buffer.size(), 0);
    if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    fail("the server has closed a connection");
  }
  const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (SSL_get_error(ssl_.get(), count) != SSL_ERROR_WANT_READ) fail("the server has closed a connection");
  return {};
}

void append_frame(FrameKind kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload,
                  std::string& out) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  for (const std::uint32_t byte : {size >> 16, size >> 8, size, static_cast<std::uint32_t>(kind), std::uint32_t{flags},
                                   stream >> 24, stream >> 16, stream >> 8, stream}) {
    out.push_back(static_cast<char>(byte & 0xff));
  }
  out.append(payload);
}

std::string http2_preface() {
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  append_frame(FrameKind::kSettings, 0, 0, std::string_view("\0\4\x7f\xff\xff\xff", 6), out);
  append_frame(FrameKind::kWindow, 0, 0, std::string_view("\x7f\xff\0\0", 4), out);
  append_frame(FrameKind::kSettings, 1, 0, {}, out);
  return out;
}

// HPACK by hand [RFC 7541 6]: indexed fields, and literal ones that are not added to the table.
void append_subscription(std::uint32_t stream, std::string_view last_event_id, std::string& out) {
  constexpr std::string_view kPath = "/events?topic=a";
  std::string block;
  if (stream == 1) block = "\x20";  // a table of size 0, as the server asks
  block.append("\x82\x86\x01\x09localhost\x04", 14).push_back(static_cast<char>(kPath.size()));
  block.append(kPath);
  if (!last_event_id.empty()) {
    block.append(std::string_view("\0\x0dlast-event-id", 15)).push_back(static_cast<char>(last_event_id.size()));
    block.append(last_event_id);
  }
  append_frame(FrameKind::kHeaders, 5, stream, block, out);  // END_HEADERS, END_STREAM
}

}  // namespace millrace::bench
