// What Redis says of itself: which run of it this is, and what its answers are worth.
#pragma once

#include <string>
#include <vector>

#include "millrace/server/durability.h"
#include "redis_connection.h"

namespace millrace {

struct RedisServer {
  std::string run;  ///< changes when Redis restarts, and when a replica takes over
  Durability level = Durability::kMemory;
  std::vector<std::string> warnings = {};
  bool can_run_when_full = false;  ///< knows scripts that run when `maxmemory` is reached (7.0)
};

/// Asks for it. Throws StoreUnavailable if this version cannot keep a log, RedisError if Redis does not answer.
RedisServer ask_redis(RedisConnection& connection);

}  // namespace millrace
