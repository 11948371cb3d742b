#include "admin_listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <system_error>

#include "command.h"
#include "loopback.h"
#include "thread_name.h"

namespace millrace::cli {

namespace {

constexpr char kOption[] = "--admin-listen";
constexpr std::string_view kUnix = "unix:";
constexpr std::chrono::seconds kFarewell{2};  // for the answers that are being written

// What an earlier process has left there; nothing else is removed.
void remove_stale_socket(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode))
    throw UsageError(std::string(kOption) + ": \"" + path + "\" exists and is not a socket");
  ::unlink(path.c_str());
}

ServerOptions options_for_administrators() {
  // One may wait for a profile.
  return {.threads = {.workers = 3, .loops = 1}, .publishing = {.anonymous = true}};
}

// Only the page needs the log, whose events each loop on it is given.
std::unique_ptr<Server> make_listener(Server& server, const DebuggerPage* page) {
  if (page == nullptr) return std::make_unique<Server>(options_for_administrators());
  auto listener = std::make_unique<Server>(server, options_for_administrators());
  listener->events("/events");
  page->add_to(*listener);
  return listener;
}

}  // namespace

AdminAddress AdminAddress::parse(const std::string& option, const std::string& text) {
  const auto fail = [&] {
    throw UsageError(option + " \"" + text + "\": expected HOST:PORT, such as 127.0.0.1:9090, or unix:PATH");
  };
  if (text.starts_with(kUnix)) {
    if (text.size() == kUnix.size()) fail();
    return {.host = text.substr(kUnix.size()), .is_unix = true};
  }
  AdminAddress address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) fail();
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || at != end || address.port < 0 || address.port > 65535) fail();
  return address;
}

AdminListener::AdminListener(Server& server, const AdminAddress& address, const DebuggerPage* page)
    : address_(address), diagnostics_(server), listener_(make_listener(server, page)) {
  server.operations_at(*listener_);
  diagnostics_.add_to(*listener_);
  bool bound = false;
  if (address.is_unix) {
    remove_stale_socket(address.host);
    listener_->set_address_family(AF_UNIX);
    const mode_t before = ::umask(0117);  // for its user and group
    bound = listener_->bind_to_port(address.host, 80);
    ::umask(before);
  } else if (address.port == 0) {
    port_ = listener_->bind_to_any_port(address.host);
    bound = port_ > 0;
  } else {
    port_ = address.port;
    bound = listener_->bind_to_port(address.host, address.port);
  }
  if (!bound) {
    throw UsageError(std::string(kOption) + ": cannot listen on \"" + address.host + "\": " + std::strerror(errno));
  }
  if (!address.is_unix && !is_loopback(address.host)) {
    spdlog::warn("{} {}: anyone who can reach this address is an administrator; use a loopback address or unix:PATH",
                 kOption, text());
  }
}

AdminListener::~AdminListener() {
  diagnostics_.stop();
  listener_->stop(kFarewell);
  if (thread_.joinable()) thread_.join();
  if (address_.is_unix) ::unlink(address_.host.c_str());
}

void AdminListener::start() {
  thread_ = std::thread([this] {
    name_this_thread("millrace-admin");
    listener_->listen_after_bind();
  });
}

std::string AdminListener::text() const {
  if (address_.is_unix) return "unix:" + address_.host;
  const bool is_ipv6 = address_.host.find(':') != std::string::npos;
  return "http://" + (is_ipv6 ? "[" + address_.host + "]" : address_.host) + ":" + std::to_string(port_);
}

}  // namespace millrace::cli
