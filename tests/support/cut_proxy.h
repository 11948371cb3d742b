// CutProxy: a TCP proxy on 127.0.0.1 that does to connections what networks do: cuts, resets and stalls them.
//
// It serves each connection on threads of its own until it is destroyed. All members may be called from any thread.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace millrace::test {

class CutProxy {
 public:
  enum class Cut {
    kEnd,    ///< FIN, both ways
    kReset,  ///< RST
  };

  /// Forwards to 127.0.0.1:`target_port`.
  explicit CutProxy(std::uint16_t target_port) : target_port_(target_port), listener_(listen_socket()) {
    accepting_ = std::thread([this] { accept_connections(); });
  }

  ~CutProxy() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    cut(Cut::kReset);
    for (auto& connection : connections_) connection->pump.join();
    close(listener_);
  }

  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

  /// Ends every open connection; new ones are welcome.
  void cut(Cut how) {
    const std::lock_guard lock(mutex_);
    for (auto& connection : connections_) connection->end = how == Cut::kReset ? Ending::kReset : Ending::kEnd;
  }

  /// Each later connection is cut once it has passed this many bytes to the client.
  void cut_after(std::uint64_t bytes, Cut how) {
    cut_how_ = how;
    cut_after_ = bytes;
  }
  void stop_cutting() { cut_after_ = std::numeric_limits<std::uint64_t>::max(); }

  enum class Way { kBoth, kToServer, kToClient };

  /// While it lasts no byte passes this way, and nothing says so. Once it has returned, what is sent does not arrive.
  void stall(bool on, Way way = Way::kBoth) {
    if (way != Way::kToClient) stalled_to_server_ = on;
    if (way != Way::kToServer) stalled_to_client_ = on;
    const std::lock_guard lock(mutex_);
    for (auto& connection : connections_) const std::lock_guard passing(connection->passing);
  }

  std::size_t accepted() const { return accepted_; }

 private:
  enum class Ending { kNone, kEnd, kReset };

  struct Connection {
    int client = -1;
    int server = -1;
    std::atomic<Ending> end{Ending::kNone};
    std::mutex passing;  // held while bytes are
    std::thread pump;
  };

  int listen_socket() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || bind(fd, generic, size) != 0 || listen(fd, 64) != 0 || getsockname(fd, generic, &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot listen");
    }
    port_ = ntohs(address.sin_port);
    return fd;
  }

  void accept_connections() {
    while (true) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (stopping_ || client < 0) {
        if (client >= 0) close(client);
        return;
      }
      ++accepted_;
      const std::lock_guard lock(mutex_);
      auto& connection = connections_.emplace_back(std::make_unique<Connection>());
      connection->client = client;
      connection->pump = std::thread([this, raw = connection.get()] { pump(*raw); });
    }
  }

  void pump(Connection& connection) {
    connection.server = connect_to_target();
    Ending ending = connection.server < 0 ? Ending::kReset : Ending::kNone;
    std::uint64_t passed = 0;
    while (ending == Ending::kNone) {
      // poll() ignores what is below zero.
      pollfd fds[] = {{stalled_to_server_ ? -1 : connection.client, POLLIN, 0},
                      {stalled_to_client_ ? -1 : connection.server, POLLIN, 0}};
      poll(fds, 2, kTurnMilliseconds);
      ending = connection.end;
      const std::lock_guard passing(connection.passing);
      if (ending != Ending::kNone) continue;
      if (fds[0].revents != 0 && !stalled_to_server_ && !forward(connection.client, connection.server, kWholeBuffer))
        ending = Ending::kEnd;
      if (fds[1].revents != 0 && !stalled_to_client_) {
        const std::uint64_t limit = cut_after_;
        const std::size_t allowed = limit > passed ? static_cast<std::size_t>(limit - passed) : 0;
        const ssize_t count = allowed == 0 ? 0 : forward(connection.server, connection.client, allowed);
        passed += static_cast<std::uint64_t>(count);
        if (passed >= limit) {
          ending = cut_how_ == Cut::kReset ? Ending::kReset : Ending::kEnd;
        } else if (count == 0) {
          ending = Ending::kEnd;
        }
      }
    }
    finish(connection.client, ending);
    finish(connection.server, ending);
  }

  int connect_to_target() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(target_port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
  }

  // Passes on the bytes that are there, at most `limit`; returns 0 when the connection is over.
  static ssize_t forward(int from, int to, std::size_t limit) {
    char buffer[16 * 1024];
    const ssize_t got = recv(from, buffer, std::min(limit, sizeof buffer), 0);
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t count = send(to, buffer + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (count <= 0) return 0;
      sent += count;
    }
    return got > 0 ? got : 0;
  }

  static void finish(int fd, Ending ending) {
    if (fd < 0) return;
    if (ending == Ending::kReset) {
      const linger at_once{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(fd);
  }

  static constexpr int kTurnMilliseconds = 10;
  static constexpr std::size_t kWholeBuffer = 16 * 1024;

  const std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  const int listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stalled_to_server_{false};
  std::atomic<bool> stalled_to_client_{false};
  std::atomic<std::uint64_t> cut_after_{std::numeric_limits<std::uint64_t>::max()};
  std::atomic<Cut> cut_how_{Cut::kEnd};
  std::atomic<std::size_t> accepted_{0};
  std::mutex mutex_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::thread accepting_;
};

}  // namespace millrace::test
