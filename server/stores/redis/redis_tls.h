// RedisTls: the client's end of TLS, without a socket: sealed bytes in and out, clear bytes in and out. Checks that the
// certificate is the host's, and from an authority that is trusted. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "redis_error.h"

namespace millrace {

class RedisTls {
 public:
  /// `ca_file`: the authorities to trust; empty: the system's. Throws RedisError if they cannot be read, or if this
  /// build has no TLS.
  RedisTls(const std::string& host, const std::string& ca_file);
  ~RedisTls();
  RedisTls(const RedisTls&) = delete;
  RedisTls& operator=(const RedisTls&) = delete;

  /// Goes on with the handshake; true when it is over. Throws RedisError if it has failed.
  bool shake_hands();

  /// What has come from Redis. Throws std::bad_alloc.
  void feed(std::string_view sealed);
  /// What is to be sent to Redis.
  std::string take_sealed();

  /// After the handshake. Throw RedisError if the connection is broken.
  void write(std::string_view clear);
  /// Empty if nothing has come.
  std::string read();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace millrace
