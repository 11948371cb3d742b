// Application: somebody else's program over HTTP, which Millrace asks about rights and tells what happens. A server of
// another make: cpp-httplib's own.
#pragma once

#include <httplib.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "eventually.h"

namespace millrace::test {

class Application {
 public:
  using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;

  explicit Application(Answer answer) : answer_(std::move(answer)) {
    server_.Post("/it", [this](const httplib::Request& request, httplib::Response& response) {
      ++asked;
      answer_(request, response);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    if (eventually([this] { return server_.is_running(); })) return;
    stop();
    throw std::runtime_error("the application does not begin to listen");
  }
  ~Application() { stop(); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  void stop() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/it"; }

  std::atomic<int> asked = 0;

 private:
  const Answer answer_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

inline void say(httplib::Response& response, int status, const std::string& body, const std::string& cache = {}) {
  response.status = status;
  if (!cache.empty()) response.set_header("Cache-Control", cache);
  response.set_content(body, "application/json");
}

}  // namespace millrace::test
