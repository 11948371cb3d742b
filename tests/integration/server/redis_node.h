// What the tests of the store in Redis share: the server, a log in it, and how Millrace uses it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <string>

#include "eventually.h"
#include "millrace/server/stores/redis.h"
#include "redis_server.h"
#include "started_store.h"
#include "stores/redis/redis_connection.h"

namespace millrace::test {

inline RedisServer& redis() {
  static RedisServer server;
  return server;
}

// A log of its own.
inline std::string new_name() {
  static std::atomic<int> number = 0;
  return "log" + std::to_string(++number);
}

class Node : public StartedStore {
 public:
  explicit Node(const std::string& name, const StoreBounds& bounds = {}, const std::string& url = redis().url())
      : StartedStore(open_redis(url, {.bounds = bounds, .name = name})) {}
};

inline void run(const RedisServer& server, const RedisWords& words) {
  RedisConnection(server.address()).run(words);
}

inline std::uint64_t number(const RedisServer& server, const RedisWords& words) {
  return RedisConnection(server.address()).run(words).number();
}

inline std::string refusal_to_open(const std::string& url, const RedisOptions& options = {}) {
  try {
    open_redis(url, options);
    return "it was opened";
  } catch (const std::exception& failure) {
    return failure.what();
  }
}

inline bool is_accepting_again(Node& node) {
  return eventually([&] { return node->status().is_accepting(); });
}

// The first that is accepted. Until a connection is used, nobody knows that Redis was killed.
inline std::uint64_t publish_again(Node& node, std::string_view data) {
  std::uint64_t sequence = 0;
  EXPECT_TRUE(eventually([&] {
    try {
      sequence = node.publish("a", data);
      return true;
    } catch (const StoreUnavailable&) {
      return false;
    }
  }));
  return sequence;
}

}  // namespace millrace::test
