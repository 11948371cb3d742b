#include "redis_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <new>
#include <system_error>

#include "millrace/server/stores/redis.h"
#include "poll_time.h"
#include "socket_calls.h"

namespace millrace {

namespace {

// The first word of an error. Of a command that a script runs, Redis says in other words that the user may not run it,
// and 6.2 puts words of its own before the command's error.
std::string code_of(std::string_view error) {
  for (const std::string_view words : {"The user executing the script can't", "ACL failure in script"}) {
    if (error.find(words) != std::string_view::npos) return "NOPERM";
  }
  const std::size_t inner = error.starts_with("ERR Error running script") ? error.find(": -") : std::string_view::npos;
  if (inner != std::string_view::npos) error.remove_prefix(inner + 3);
  return std::string(error.substr(0, error.find(' ')));
}

// What an operator does about it.
std::string sentence_of(std::string_view error, std::string_view code) {
  struct Known {
    std::string_view word;
    const char* sentence;
  };
  static constexpr std::array kKnown = {
      Known{"NOAUTH", "Redis asks for a password: write redis://:PASSWORD@HOST"},
      Known{"WRONGPASS", "Redis refuses the user or the password"},
      Known{"NOPERM", "Redis does not let this user run a command that the store needs"},
      Known{"READONLY", "the Redis server is a read-only replica: name the primary"},
      Known{kRedisFull, "Redis is full (maxmemory): give it more memory, or the store lower bounds"},
      Known{"LOADING", kRedisLoads},
      Known{"MISCONF", "Redis cannot write to its disk, and refuses writes until it can"},
      Known{"NOREPLICAS", "Redis has fewer replicas than it is set to need (min-replicas-to-write)"},
      Known{"MASTERDOWN", "the Redis server is a replica without its primary: name the primary"},
      Known{"MOVED", "the Redis server does not have the log's slot of the cluster: name the server that has it"},
      Known{"CLUSTERDOWN", "the Redis Cluster is down"},
      Known{"BUSY", "Redis is busy with a script of another program"},
      Known{"WRONGTYPE", "a key of the log is of another type: another program uses the same name"},
      Known{kRedisLogGone, "the log is no longer in Redis"},
      Known{kRedisLogChanged, "keys of the log were changed or evicted: delete them all, or restore a backup"},
      Known{kRedisLogCut, "the log is being mended after a crash of Redis"},
      Known{kRedisLogMoved, "Redis was restarted or replaced"},
      Known{kRedisLogNewer, "a newer Millrace made the log"}};
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) { return one.word == code; });
  const std::string_view what = error.substr(0, error.find(" script: "));
  if (known == kKnown.end()) return "Redis: " + std::string(what);
  if (code != kRedisLogNewer) return known->sentence;
  return std::string(known->sentence) + " (" + std::string(what.substr(code.size() + 1)) +
         "): use that Millrace, or another name";
}

timeval timeval_of(Duration time) {
  return {.tv_sec = time.count() / 1'000, .tv_usec = time.count() % 1'000 * 1'000};
}

}  // namespace

std::uint64_t RedisValue::number() const {
  if (value_ == nullptr) return 0;
  if (value_->type == REDIS_REPLY_INTEGER) return static_cast<std::uint64_t>(std::max(value_->integer, 0LL));
  std::uint64_t number = 0;
  const std::string_view digits = text();
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::string_view RedisValue::text() const {
  if (value_ == nullptr || value_->str == nullptr) return {};
  return {value_->str, static_cast<std::size_t>(value_->len)};
}

std::size_t RedisValue::size() const {
  return value_ != nullptr && value_->type == REDIS_REPLY_ARRAY ? value_->elements : 0;
}

RedisValue RedisValue::operator[](std::size_t index) const {
  return RedisValue(index < size() ? value_->element[index] : nullptr);
}

RedisConnection::RedisConnection(const RedisAddress& address) {
  context_.reset(redisConnectWithTimeout(address.host.c_str(), address.port, timeval_of(kRedisConnectTimeout)));
  if (context_ == nullptr) throw std::bad_alloc();
  if (context_->err != 0) throw RedisError(std::string("cannot connect to Redis: ") + context_->errstr);
  redisEnableKeepAlive(context_.get());
  if (address.tls) shake_hands(address, Clock::now() + kRedisConnectTimeout);
  if (!address.password.empty()) {
    if (address.user.empty()) {
      run({"AUTH", address.password});
    } else {
      run({"AUTH", address.user, address.password});
    }
  }
  if (!address.database.empty()) run({"SELECT", address.database});
}

RedisReply RedisConnection::run(const RedisWords& words) {
  const auto deadline = Clock::now() + kRedisAnswerTimeout;
  send(words, deadline);
  return receive(deadline);
}

RedisReply RedisConnection::run(const RedisScript& script, const RedisWords& keys, const RedisWords& arguments) {
  const auto run_loaded = [&] {
    RedisWords words = {"EVALSHA", loaded_.at(&script), std::to_string(keys.size())};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
  };
  const auto load = [&] {
    loaded_[&script] = run({"SCRIPT", "LOAD", std::string(script.flags) + kRedisScriptFunctions + script.body}).text();
  };
  if (!loaded_.contains(&script)) load();
  try {
    return run_loaded();
  } catch (const RedisError& error) {
    if (error.code() != "NOSCRIPT") throw;
  }
  load();
  return run_loaded();
}

void RedisConnection::lose(const std::string& why) {
  is_usable_ = false;
  throw RedisError("the connection to Redis was lost: " + why);
}

void RedisConnection::wait_for(short events, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<Duration>(deadline - Clock::now());
  pollfd waiting{.fd = socket(), .events = events, .revents = 0};
  const int count = left > Duration{0} ? ::poll(&waiting, 1, poll_milliseconds(left)) : 0;
  if (count == 0) lose("no answer in time");
  if (count < 0 && errno != EINTR) lose("poll");
}

void RedisConnection::send(const RedisWords& words, Clock::time_point deadline) {
  if (!is_usable_) lose("it is closed");
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    pointers.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* made = nullptr;
  const auto size = redisFormatCommandArgv(&made, static_cast<int>(words.size()), pointers.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  const std::unique_ptr<char, void (*)(char*)> command(made, redisFreeCommand);
  const std::string_view bytes(made, static_cast<std::size_t>(size));
  if (tls_ == nullptr) return send_bytes(bytes, deadline);
  tls_->write(bytes);
  send_bytes(tls_->take_sealed(), deadline);
}

void RedisConnection::send_bytes(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket(), bytes.data(), bytes.size(), kSendFlags);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(POLLOUT, deadline);
    } else if (errno != EINTR) {
      lose(std::generic_category().message(errno));
    }
  }
}

// What has come as a whole; null if nothing has.
redisReply* RedisConnection::next_reply() {
  void* reply = nullptr;
  if (redisReaderGetReply(context_->reader, &reply) != REDIS_OK) lose(context_->reader->errstr);
  return static_cast<redisReply*>(reply);
}

bool RedisConnection::read_some() {
  std::array<char, 16 * 1024> bytes{};
  const ssize_t count = ::recv(socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
  if (count < 0) lose(std::generic_category().message(errno));
  if (count == 0) lose("Redis has closed it");
  const std::string_view received(bytes.data(), static_cast<std::size_t>(count));
  if (tls_ == nullptr) {
    feed(received);
    return true;
  }
  try {
    tls_->feed(received);
    for (std::string clear = tls_->read(); !clear.empty(); clear = tls_->read()) feed(clear);
  } catch (const RedisError& error) {
    lose(error.what());
  }
  // What TLS itself has to say, such as a new key.
  send_bytes(tls_->take_sealed(), Clock::now() + kRedisAnswerTimeout);
  return true;
}

void RedisConnection::feed(std::string_view bytes) {
  if (redisReaderFeed(context_->reader, bytes.data(), bytes.size()) != REDIS_OK) lose(context_->reader->errstr);
}

void RedisConnection::shake_hands(const RedisAddress& address, Clock::time_point deadline) {
  tls_ = std::make_unique<RedisTls>(address.host, address.ca_file);
  try {
    while (true) {
      const bool is_done = tls_->shake_hands();
      send_bytes(tls_->take_sealed(), deadline);
      if (is_done) return;
      while (!read_some()) wait_for(POLLIN, deadline);
    }
  } catch (const RedisError& error) {
    const std::string why = error.what();
    if (why.find("TLS") != std::string::npos) throw;
    throw RedisError("TLS with Redis failed: " + why + "; write redis:// if it has no TLS on this port");
  }
}

RedisReply RedisConnection::receive(Clock::time_point deadline) {
  while (true) {
    if (redisReply* raw = next_reply()) {
      RedisReply reply(raw);
      if (raw->type != REDIS_REPLY_ERROR) return reply;
      const std::string code = code_of(reply.text());
      throw RedisError(sentence_of(reply.text(), code), code);
    }
    if (!read_some()) wait_for(POLLIN, deadline);
  }
}

bool RedisConnection::take_messages(std::string_view own) {
  bool had_others = false;
  while (read_some()) {
    while (redisReply* raw = next_reply()) {
      const RedisReply reply(raw);
      had_others = had_others || (reply[0].text() == "message" && reply[2].text() != own);
    }
  }
  return had_others;
}

}  // namespace millrace
