#include "service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "command.h"
#include "socket_calls.h"
#include "thread_name.h"

namespace millrace::cli {

namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int> passed_socket() {
  constexpr int kFirst = 3;
  const auto process = number_in("LISTEN_PID");
  const auto count = number_in("LISTEN_FDS");
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(variable);
  if (!count || *count == 0 || process != static_cast<std::uint64_t>(getpid())) return std::nullopt;
  if (*count == 1) return kFirst;
  throw UsageError("the service manager passes " + std::to_string(*count) +
                   " sockets; expected one: leave one ListenStream= in the socket unit");
}

// Without libsystemd, which would bring compression and encryption libraries along for one datagram.
void notify_service_manager(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  const std::size_t length = std::strlen(path);
  if (length < 2 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // of the abstract namespace
  const int socket = open_socket(AF_UNIX, SOCK_DGRAM, 0);
  if (socket < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  [[maybe_unused]] const auto sent =
      ::sendto(socket, state.data(), state.size(), kSendFlags, reinterpret_cast<const sockaddr*>(&address), size);
  ::close(socket);
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  const auto interval = number_in("WATCHDOG_USEC");
  const auto process = number_in("WATCHDOG_PID");
  if (!interval || *interval == 0 || std::getenv("NOTIFY_SOCKET") == nullptr) return std::nullopt;
  if (process && *process != static_cast<std::uint64_t>(getpid())) return std::nullopt;
  return std::chrono::microseconds(*interval);
}

Watchdog::Watchdog(std::function<bool()> check) : check_(std::move(check)) {
  if (const auto interval = watchdog_interval()) thread_ = std::thread([this, interval] { run(*interval / 2); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    is_ending_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void Watchdog::run(std::chrono::microseconds pause) {
  name_this_thread("millrace-watch");
  MutexLock lock(mutex_);
  while (!is_ending_) {
    lock.unlock();
    if (check_()) notify_service_manager("WATCHDOG=1");
    lock.lock();
    ending_.wait_for(lock, pause, [this]() REQUIRES(mutex_) { return is_ending_; });
  }
}

}  // namespace millrace::cli
