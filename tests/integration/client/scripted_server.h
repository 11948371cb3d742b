// ScriptedServer: a real TCP server whose answers are exact bytes, one script for each connection in turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace millrace::test {

/// The head of a response that opens an event stream of no given length.
inline constexpr std::string_view kStreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// The server's end of one connection. What a script leaves open is closed when it returns.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}

  /// The request's head, with its final empty line, and its body; empty if the client hung up first.
  std::string read_request();
  /// Exactly so many bytes; fewer if the client hung up first.
  std::string read(std::size_t size);
  void send(std::string_view bytes);
  /// As one HTTP chunk.
  void send_chunk(std::string_view bytes);
  /// RST instead of FIN when the script returns.
  void reset();
  /// Returns when the client has closed its end; what it sends meanwhile is dropped.
  void wait_until_closed();

 private:
  int fd_;
};

class ScriptedServer {
 public:
  /// `attempt` counts from 1.
  using Script = std::function<void(Peer& peer, int attempt)>;

  enum class Network { kIpv4, kIpv6 };
  /// On a free port of 127.0.0.1, or of ::1.
  explicit ScriptedServer(Script script, Network network = Network::kIpv4);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/events") const;
  int attempts() const { return attempts_; }

 private:
  void serve();

  Script script_;
  const Network network_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> attempts_{0};
  std::atomic<int> peer_fd_{-1};
  std::thread thread_;
};

/// The value of a header in a raw request; empty if it is not there.
std::string header_of(const std::string& request, const std::string& name);

}  // namespace millrace::test
