#include "scripted_server.h"

#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace millrace::test {

std::string Peer::read_request() {
  std::string request;
  std::size_t wanted = std::string::npos;  // known once the head is there
  char buffer[4096];
  while (request.size() < wanted) {
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    request.append(buffer, static_cast<std::size_t>(got));
    const std::size_t head_end = request.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    wanted = head_end + 4 + std::strtoul(header_of(request, "Content-Length").c_str(), nullptr, 10);
  }
  return request;
}

std::string Peer::read(std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = recv(fd_, bytes.data(), size, MSG_WAITALL);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

void Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Peer::send_chunk(std::string_view bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  send(size + std::string(bytes) + "\r\n");
}

void Peer::reset() {
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Peer::wait_until_closed() {
  char buffer[4096];
  while (recv(fd_, buffer, sizeof buffer, 0) > 0) continue;
}

ScriptedServer::ScriptedServer(Script script, Network network)
    : script_(std::move(script)),
      network_(network),
      listener_(socket(network == Network::kIpv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = in6addr_loopback;
  auto* address = network == Network::kIpv4 ? reinterpret_cast<sockaddr*>(&ipv4) : reinterpret_cast<sockaddr*>(&ipv6);
  socklen_t size = network == Network::kIpv4 ? sizeof ipv4 : sizeof ipv6;
  if (bind(listener_, address, size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, address, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot listen");
  }
  port_ = ntohs(network == Network::kIpv4 ? ipv4.sin_port : ipv6.sin6_port);
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  if (const int fd = peer_fd_.exchange(-1); fd >= 0) {
    shutdown(fd, SHUT_RDWR);
    peer_fd_ = fd;
  }
  thread_.join();
  close(listener_);
}

void ScriptedServer::serve() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    peer_fd_ = fd;
    if (stopping_) shutdown(fd, SHUT_RDWR);
    Peer peer(fd);
    script_(peer, ++attempts_);
    // The destructor may be holding the descriptor for its shutdown.
    int expected = fd;
    while (!peer_fd_.compare_exchange_weak(expected, -1)) expected = fd;
    close(fd);
  }
}

std::string ScriptedServer::url(const std::string& path) const {
  return (network_ == Network::kIpv4 ? "http://127.0.0.1:" : "http://[::1]:") + std::to_string(port_) + path;
}

std::string header_of(const std::string& request, const std::string& name) {
  std::size_t begin = request.find("\r\n");
  while (begin != std::string::npos) {
    begin += 2;
    const std::size_t end = request.find("\r\n", begin);
    if (end == begin || end == std::string::npos) break;
    const std::string line = request.substr(begin, end - begin);
    const std::size_t colon = line.find(':');
    if (colon == name.size() && strncasecmp(line.c_str(), name.c_str(), colon) == 0) {
      const std::size_t value = line.find_first_not_of(' ', colon + 1);
      return value == std::string::npos ? "" : line.substr(value);
    }
    begin = end;
  }
  return {};
}

}  // namespace millrace::test
