// RedisEventLog: an event log that several servers share, in Redis; redis_scripts.h has its keys. Concurrent publishers
// share a script's run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "redis_log.h"
#include "stores/common/shared_event_log.h"

namespace millrace {

/// How a SharedEventLog talks to Redis.
class RedisSpeech {
 public:
  using Error = RedisError;
  using Queries = RedisQueries;
  using Writer = RedisWriter;
  using Listener = RedisConnection;

  static constexpr const char* kReconnecting = "the connection to Redis is being opened again";
  static constexpr const char* kReplaced = "Redis has another log than before: restart the server to use it";
  static constexpr bool kHasOutbox = false;

  /// `tag`: of this server, different from all others'.
  using Options = RedisWriter::Options;

  explicit RedisSpeech(Options options) : options_(std::move(options)) {}

  std::unique_ptr<RedisQueries> open_queries() const { return std::make_unique<RedisQueries>(options_.place); }
  std::unique_ptr<RedisWriter> open_writer(const std::string& epoch, std::uint64_t head) const;
  std::unique_ptr<RedisConnection> listen(const std::string& epoch) const;
  bool take_news(RedisConnection& listener) const { return listener.take_messages(options_.tag); }
  /// A Redis that is full may still be asked to drop entries.
  static bool is_survived(const RedisError& error);
  void look_after(RedisWriter& writer, std::uint64_t head, bool is_accepting) const;

 private:
  const Options options_;
};

extern template class SharedEventLog<RedisSpeech>;
using RedisEventLog = SharedEventLog<RedisSpeech>;

}  // namespace millrace
