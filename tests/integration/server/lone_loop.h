// LoneLoop: one event loop with its hub, without a server around them. Its clients have the other ends of socket pairs.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "lone_hub.h"

namespace millrace::test {

class LoneLoop {
 public:
  using ServeHere = std::function<bool(Exchange&, std::string_view request)>;

  /// Requests that `serve_here` does not answer go to `dispatch`; null for either means that it has no requests.
  explicit LoneLoop(ConnectionLoop::Dispatch dispatch, ServeHere serve_here = nullptr)
      : loop_(hub_, settings(std::move(serve_here)), counts_, std::move(dispatch),
              [](const std::function<void()>& task) { task(); }) {}
  ~LoneLoop() {
    for (const int client : clients_) ::close(client);
  }
  LoneLoop(const LoneLoop&) = delete;
  LoneLoop& operator=(const LoneLoop&) = delete;

  ConnectionLoop* operator->() { return &loop_; }
  LoneHub& hub() { return hub_; }
  ConnectionCounts& counts() { return counts_; }
  const std::vector<int>& clients() const { return clients_; }

  /// Returns a client's socket, which does not block.
  int connect() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    EXPECT_TRUE(ConnectionCounts::add_to(counts_.open, 10));
    clients_.push_back(ends[0]);
    loop_.adopt(ends[1], {});
    return ends[0];
  }
  void disconnect(std::size_t client) {
    ::close(clients_[client]);
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(client));
  }

  /// When it returns, the loop does nothing until the result is set.
  std::promise<void> hold() {
    std::promise<void> go_on;
    const auto holds = std::make_shared<std::promise<void>>();
    loop_.defer([holds, going_on = go_on.get_future().share()] {
      holds->set_value();
      going_on.wait();
    });
    holds->get_future().wait();
    return go_on;
  }

 private:
  ConnectionLoop::Settings settings(ServeHere serve_here) {
    return {.options = {},
            .read_timeout = Duration{5'000},
            .write_timeout = Duration{5'000},
            .keep_alive = Duration{30'000},
            .max_requests = 1'000,
            .refusals = &refusals_,
            .presence = nullptr,
            .serve_here = std::move(serve_here)};
  }

  LoneHub hub_{{.history_events = 100'000, .history_bytes = 256 * 1024 * 1024, .epoch = "ep", .clock = [] {
                  return TimePoint{};
                }}};
  RefusalCounters refusals_;
  ConnectionCounts counts_;
  std::vector<int> clients_;
  ConnectionLoop loop_;
};

}  // namespace millrace::test
