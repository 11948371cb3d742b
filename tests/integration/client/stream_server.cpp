#include "stream_server.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>

namespace millrace::test {

namespace {

constexpr std::string_view kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n";

}  // namespace

StreamServer::StreamServer()
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 4096) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot listen");
  }
  port_ = ntohs(address.sin_port);
  for (const int fd : {listener_, stop_}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  thread_ = std::thread([this] { serve(); });
}

StreamServer::~StreamServer() {
  eventfd_write(stop_, 1);
  thread_.join();
  for (const int fd : {listener_, epoll_, stop_}) close(fd);
}

std::string StreamServer::url(std::uint64_t kind) const {
  constexpr const char* kKinds[] = {"stay", "stay", "end", "reset", "silent"};
  return "http://127.0.0.1:" + std::to_string(port_) + "/" + kKinds[kind % std::size(kKinds)];
}

void StreamServer::serve() {
  std::set<int> open;
  while (true) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_) {
        for (const int each : open) close(each);
        return;
      }
      if (fd == listener_) {
        const int accepted = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        epoll_event event{.events = EPOLLIN, .data = {.fd = accepted}};
        if (accepted >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, accepted, &event) == 0) open.insert(accepted);
        continue;
      }
      char request[4096];  // ours are short and come at once
      const ssize_t got = recv(fd, request, sizeof request, 0);
      if (got < 0 && errno == EAGAIN) continue;
      const std::string_view line(request, got > 0 ? static_cast<std::size_t>(got) : 0);
      if (line.starts_with("GET /silent")) continue;
      if (!line.empty()) send(fd, kStream.data(), kStream.size(), MSG_NOSIGNAL);
      if (line.starts_with("GET /stay")) continue;
      if (line.starts_with("GET /reset")) {
        const linger at_once{1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      }
      open.erase(fd);
      close(fd);
    }
  }
}

}  // namespace millrace::test
