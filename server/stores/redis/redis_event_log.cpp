#include "redis_event_log.h"

#include <chrono>

namespace millrace {

// If Redis has lost the log, the same log begins anew, after everything that was given to clients.
std::unique_ptr<RedisWriter> RedisSpeech::open_writer(const std::string& epoch, std::uint64_t head) const {
  Options options = options_;
  if (!epoch.empty()) options.new_epoch = epoch;
  return std::make_unique<RedisWriter>(options, head);
}

std::unique_ptr<RedisConnection> RedisSpeech::listen(const std::string& /*epoch*/) const {
  auto listener = std::make_unique<RedisConnection>(options_.place.address);
  listener->run({"SUBSCRIBE", options_.place.channel()});
  return listener;
}

bool RedisSpeech::is_survived(const RedisError& error) {
  return error.code() == kRedisFull;
}

// Before it asks whether Redis has room again, it drops what may be dropped.
void RedisSpeech::look_after(RedisWriter& writer, std::uint64_t head, bool is_accepting) const {
  writer.ask_again();
  if (is_accepting) return;
  writer.retire(std::chrono::system_clock::now());
  writer.enter(head);
}

template class SharedEventLog<RedisSpeech>;

}  // namespace millrace
