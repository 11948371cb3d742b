#include "redis_durability.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "millrace/server/publication.h"

namespace millrace {

namespace {

using Info = std::map<std::string, std::string, std::less<>>;

Info info_of(RedisConnection& connection, const std::string& section) {
  Info info;
  const RedisReply reply = connection.run({"INFO", section});
  std::string_view rest = reply.text();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) info.emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  return info;
}

std::string value(const Info& info, std::string_view name) {
  const auto found = info.find(name);
  return found == info.end() ? std::string() : found->second;
}

// Nothing if Redis does not say, as the services of some vendors.
std::optional<std::string> setting(RedisConnection& connection, const std::string& name) {
  try {
    const RedisReply reply = connection.run({"CONFIG", "GET", name});
    if (reply.size() == 2) return std::string(reply[1].text());
    return std::nullopt;
  } catch (const RedisError&) {
    if (!connection.is_usable()) throw;
    return std::nullopt;
  }
}

// Valkey says a version of Redis that it is compatible with, too.
std::pair<int, int> version_of(const Info& server) {
  const std::string version = value(server, "redis_version");
  std::pair<int, int> numbers;
  const char* end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, numbers.first);
  if (first.ptr != end) std::from_chars(first.ptr + 1, end, numbers.second);
  if (numbers < std::pair(6, 2)) {
    throw StoreUnavailable("Redis " + version + " is too old: use 6.2 or newer, or Valkey");
  }
  return numbers;
}

// Only `always` makes Redis write before it answers: with the others it answers also while a disk is slow or full.
void find_level(RedisConnection& connection, const Info& persistence, RedisServer& server) {
  if (value(persistence, "aof_enabled") != "1") {
    server.warnings.emplace_back("Redis: appendonly is no, so acknowledged events can be lost when Redis ends");
    return;
  }
  const auto sync = setting(connection, "appendfsync");
  const auto pauses = setting(connection, "no-appendfsync-on-rewrite");
  if (!sync || !pauses) {
    server.warnings.emplace_back(
        "Redis: refuses CONFIG GET, so appendfsync is unknown, and with it which failures acknowledged events survive");
  } else if (*sync != "always") {
    server.warnings.push_back("Redis: appendfsync is " + *sync +
                              ", so acknowledged events can be lost when Redis ends; always loses none");
  } else if (*pauses != "no") {
    server.level = Durability::kProcess;
    server.warnings.emplace_back(
        "Redis: no-appendfsync-on-rewrite is yes, so that a power cut can lose acknowledged events");
  } else {
    server.level = Durability::kDisk;
  }
}

void warn_of_eviction(RedisConnection& connection, RedisServer& server) {
  const Info memory = info_of(connection, "memory");
  const std::string policy = value(memory, "maxmemory_policy");
  if (value(memory, "maxmemory") == "0" || !policy.starts_with("allkeys")) return;
  server.level = Durability::kMemory;
  server.warnings.push_back("Redis: maxmemory-policy is " + policy +
                            ", so that Redis can evict the log: set noeviction or one that begins with volatile");
}

}  // namespace

RedisServer ask_redis(RedisConnection& connection) {
  RedisServer server;
  const Info persistence = info_of(connection, "persistence");
  if (value(persistence, "loading") == "1") throw RedisError(kRedisLoads, "LOADING");
  const Info about = info_of(connection, "server");
  server.can_run_when_full = version_of(about) >= std::pair(7, 0);
  const Info replication = info_of(connection, "replication");
  server.run = value(about, "run_id") + ":" + value(replication, "master_replid");
  find_level(connection, persistence, server);
  warn_of_eviction(connection, server);
  if (value(replication, "connected_slaves") != "0") {
    server.warnings.emplace_back(
        "Redis: it has replicas; one that takes over can lack acknowledged events, since Redis does not wait for them");
  }
  return server;
}

}  // namespace millrace
