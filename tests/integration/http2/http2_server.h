// Http2Server: a server with routes of all kinds, which tests ask over HTTP/2 by prior knowledge, over real sockets.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <string>
#include <vector>

#include "http2_client.h"
#include "running_server.h"

namespace millrace::test {

inline constexpr std::size_t kLarge = 3'000'000;

// Bytes of which none can go missing unseen.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

inline int metric(RunningServer& server, const std::string& name) {
  for (const Metric& metric : server->metrics()) {
    if (metric.name == name) return static_cast<int>(metric.samples.front().value);
  }
  return -1;
}
inline bool becomes(RunningServer& server, const std::string& name, int value) {
  return eventually([&] { return metric(server, name) == value; });
}

class Http2Server : public testing::Test {
 protected:
  void configure(Server& server) {
    server.events("/events");
    server.Get("/x",
               [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
    server.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.body, "application/octet-stream");
    });
    server.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(pattern(kLarge), "application/octet-stream");
    });
    server.Get("/chunks", [](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/plain", [sent = 0](std::size_t, httplib::DataSink& sink) mutable {
        const std::string part = std::to_string(sent) + ";";
        sink.write(part.data(), part.size());
        if (++sent == 100) sink.done();
        return true;
      });
    });
    server.Get("/broken", [](const httplib::Request&, httplib::Response& response) {
      response.set_content_provider(1'000, "text/plain",
                                    [](std::size_t, std::size_t, httplib::DataSink&) { return false; });
    });
    server.Get("/waits", [this](const httplib::Request&, httplib::Response& response) {
      ++waiting_;
      release_.get_future().wait();
      response.set_content("done", "text/plain");
    });
    server.Get("/address", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.remote_addr, "text/plain");
    });
    server.Get("/stream", [this, &server](const httplib::Request& request, httplib::Response& response) {
      streams_.push_back(server.open_stream(request, response));
      ++opened_;
    });
    server.Post("/whole", [](const httplib::Request&, httplib::Response& response, const httplib::ContentReader& read) {
      std::size_t size = 0;
      read([&](const char*, std::size_t count) {
        size += count;
        return true;
      });
      response.set_content(std::to_string(size), "text/plain");
    });
  }

  std::atomic<int> waiting_ = 0;
  std::promise<void> release_;
  std::vector<EventStream> streams_;
  std::atomic<std::size_t> opened_ = 0;
  RunningServer server_{open_to_all(), [this](Server& server) { configure(server); }};
};

}  // namespace millrace::test
