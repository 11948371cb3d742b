// OpenedStream: hands the streams that a route opens to the test.
#pragma once

#include <gtest/gtest.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "eventually.h"
#include "millrace/server/server.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {

class OpenedStream {
 public:
  void route(Server& server) {
    server.Get("/stream", [this, &server](const httplib::Request& request, httplib::Response& response) {
      put(server.open_stream(request, response));
    });
    server.Post("/stream", [this, &server](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = server.open_stream(request, response);
      stream.send({.type = "echo", .data = request.body});
      put(stream);
    });
  }

  EventStream take() {
    EXPECT_TRUE(eventually([this] {
      const std::lock_guard lock(mutex_);
      return stream_.has_value();
    }));
    const std::lock_guard lock(mutex_);
    return *std::exchange(stream_, std::nullopt);
  }

 private:
  void put(EventStream stream) {
    const std::lock_guard lock(mutex_);
    stream_ = std::move(stream);
  }

  std::mutex mutex_;
  std::optional<EventStream> stream_;
};

// Like StreamClient, for streams whose first bytes are for the test to bring about.
inline RawResponse open(RawClient& client, const std::string& request) {
  client.send(request);
  RawResponse response;
  response.head = client.read_until("\r\n\r\n");
  return response;
}

// A server with such a route.
class OpenStream : public ::testing::Test {
 protected:
  OpenedStream opened_;
  RunningServer server_{{}, [this](Server& server) { opened_.route(server); }};
};

}  // namespace millrace::test
