// StreamServer: a small real server for many short connections: one thread, epoll. Every stream it opens brings three
// events and stays open, is ended or is reset, as the path says; some requests it never answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace millrace::test {

class StreamServer {
 public:
  StreamServer();
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  /// One of its kinds of streams, by a number.
  std::string url(std::uint64_t kind) const;

 private:
  void serve();

  int listener_;
  int epoll_;
  int stop_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace millrace::test
