// RedisConnection, RedisReply: hiredis's protocol with owners, deadlines and exceptions. One thread at a time.
//
//   const RedisReply reply = connection.run({"HGET", "shoes", "size"});
//   use(reply.text());
//
// Reading and writing is done here: hiredis 0.14 raises SIGPIPE, and its timeouts are those of a single read.
#pragma once

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis_address.h"
#include "redis_error.h"
#include "redis_scripts.h"
#include "redis_tls.h"

namespace millrace {

/// A part of a reply; valid as long as the reply.
class RedisValue {
 public:
  explicit RedisValue(const redisReply* value) : value_(value) {}

  bool is_nil() const { return value_ == nullptr || value_->type == REDIS_REPLY_NIL; }
  /// A number, or a text that is one; 0 for anything else.
  std::uint64_t number() const;
  /// Empty for what has no text.
  std::string_view text() const;
  /// Elements of an array; 0 for anything else.
  std::size_t size() const;
  /// Nil after the last.
  RedisValue operator[](std::size_t index) const;

 private:
  const redisReply* value_;
};

class RedisReply : public RedisValue {
 public:
  explicit RedisReply(redisReply* reply) : RedisValue(reply), owner_(reply) {}

 private:
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  std::unique_ptr<redisReply, Free> owner_;
};

/// The sentence for a Redis that has just been started.
inline constexpr const char* kRedisLoads = "Redis is still loading its data";

/// The words of a command.
using RedisWords = std::vector<std::string>;

class RedisConnection {
 public:
  /// Connects, authenticates and selects the database. Throws RedisError.
  explicit RedisConnection(const RedisAddress& address);

  /// Runs a command. Throws RedisError, after which is_usable() says whether the connection is still good for others.
  RedisReply run(const RedisWords& words);
  /// The same of a script, which Redis has or gets.
  RedisReply run(const RedisScript& script, const RedisWords& keys, const RedisWords& arguments);

  bool is_usable() const { return is_usable_; }
  int socket() const { return context_->fd; }
  /// After SUBSCRIBE: reads what has come, and forgets it; true if a message was not `own`. Throws RedisError. Never
  /// waits.
  bool take_messages(std::string_view own);

 private:
  using Clock = std::chrono::steady_clock;
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  void shake_hands(const RedisAddress& address, Clock::time_point deadline);
  void send(const RedisWords& words, Clock::time_point deadline);
  void send_bytes(std::string_view bytes, Clock::time_point deadline);
  void feed(std::string_view bytes);
  RedisReply receive(Clock::time_point deadline);
  redisReply* next_reply();
  bool read_some();
  void wait_for(short events, Clock::time_point deadline);
  [[noreturn]] void lose(const std::string& why);

  std::unique_ptr<redisContext, Free> context_;
  std::unique_ptr<RedisTls> tls_;                     // null without TLS
  std::map<const RedisScript*, std::string> loaded_;  // what Redis calls a script
  bool is_usable_ = true;
};

}  // namespace millrace
