#include "nats_survey.h"

#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "jetstream_limits.h"
#include "parse_json.h"
#include "poll_time.h"
#include "socket_calls.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// The longest greeting: with the addresses of many servers it has a few kilobytes.
constexpr std::size_t kMaxGreetingBytes = 64 * 1024;

struct HostPort {
  std::string host;
  std::string port = "4222";
};

// Of `nats://USER:PASSWORD@HOST:PORT`.
HostPort host_port_of(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  HostPort result;
  std::size_t host_end = url.rfind(':');
  if (url.starts_with('[')) {
    const std::size_t bracket = url.find(']');
    result.host = url.substr(1, bracket - 1);
    host_end = bracket == std::string_view::npos || bracket + 1 == url.size() ? std::string_view::npos : bracket + 1;
  } else {
    result.host = url.substr(0, host_end);
  }
  if (host_end != std::string_view::npos) result.port = url.substr(host_end + 1);
  return result;
}

class Socket {
 public:
  explicit Socket(int file) : file_(file) {}
  ~Socket() {
    if (file_ >= 0) ::close(file_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int file() const { return file_; }

 private:
  int file_;
};

bool wait_for(int file, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left <= std::chrono::milliseconds{0}) return false;
    pollfd waiting{.fd = file, .events = events, .revents = 0};
    const int count = ::poll(&waiting, 1, poll_milliseconds(left));
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

// The first line that the server sends; empty if none comes.
std::string line_from(int file, Clock::time_point deadline) {
  std::string line;
  char bytes[4'096];
  while (line.size() < kMaxGreetingBytes && wait_for(file, POLLIN, deadline)) {
    const ssize_t count = ::recv(file, bytes, sizeof bytes, 0);
    if (count <= 0) break;
    line.append(bytes, static_cast<std::size_t>(count));
    if (const std::size_t end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
  }
  return {};
}

// `INFO {…}`.
std::string greeting_of(const HostPort& server, Clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const Socket socket(open_socket(one->ai_family, SOCK_STREAM, 0));
    if (socket.file() < 0) continue;
    set_up_descriptor(socket.file());
    if (::connect(socket.file(), one->ai_addr, one->ai_addrlen) != 0 && errno != EINPROGRESS) continue;
    if (!wait_for(socket.file(), POLLOUT, deadline)) continue;
    if (std::string line = line_from(socket.file(), deadline); !line.empty()) return line;
  }
  return {};
}

// The object, or null.
json object_in(std::string_view text) {
  json parsed = parse_json(text, kMaxStoreAnswerBytes);
  return parsed.is_object() ? parsed : json();
}

// The same of a member.
json object_at(const json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_object() ? object[name] : json();
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void read_greeting(const HostPort& server, NatsServerFacts& facts) {
  const std::string line = greeting_of(server, Clock::now() + kStoreConnectTimeout);
  constexpr std::string_view kInfo = "INFO ";
  if (!line.starts_with(kInfo)) return;
  const json info = object_in(std::string_view(line).substr(kInfo.size()));
  if (info.is_null()) return;
  facts.name = text_in(info, "server_name");
  facts.version = text_in(info, "version");
}

void read_monitoring(const HostPort& server, std::uint16_t port, NatsServerFacts& facts) {
  httplib::Client client(server.host, port);
  client.set_connection_timeout(kStoreConnectTimeout / 2);
  client.set_read_timeout(kStoreConnectTimeout / 2);
  std::string body;
  const auto result = client.Get("/varz", [&](const char* bytes, std::size_t size) {
    if (body.size() + size > kMaxStoreAnswerBytes) return false;
    body.append(bytes, size);
    return true;
  });
  if (!result || result->status != 200) return;
  const json varz = object_in(body);
  // Another server may answer there, such as one on the same machine.
  if (varz.is_null() || (!facts.name.empty() && text_in(varz, "server_name") != facts.name)) return;
  const json config = object_at(object_at(varz, "jetstream"), "config");
  if (config.is_null()) return;
  facts.syncs_always = config.contains("sync_always") && config["sync_always"] == true;
}

}  // namespace

std::vector<NatsServerFacts> survey_nats(const StoreAddress& address, std::uint16_t monitoring_port) {
  std::vector<NatsServerFacts> servers;
  for (const std::string& url : address.servers) {
    const HostPort server = host_port_of(url);
    NatsServerFacts& facts = servers.emplace_back(NatsServerFacts{.address = server.host + ":" + server.port});
    read_greeting(server, facts);
    if (monitoring_port != 0) read_monitoring(server, monitoring_port, facts);
  }
  return servers;
}

}  // namespace millrace
