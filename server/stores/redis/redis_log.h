// RedisWriter and RedisQueries: what is asked of the keys of a log (redis_scripts.h). One thread at a time each.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "redis_connection.h"
#include "redis_durability.h"
#include "stores/common/group_commit.h"

namespace millrace {

/// Which log, and where.
struct RedisPlace {
  RedisAddress address;
  std::string name;

  RedisWords keys() const;
  /// Where a writer says that there is something new, in the words of its tag.
  std::string channel() const { return "{" + name + "}:news"; }
};

/// The log, as the scripts answer.
struct RedisState {
  std::string epoch;
  std::uint64_t head = 0;
  std::uint64_t oldest = 1;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;

  static RedisState of(const RedisValue& reply);
  static constexpr std::size_t kElements = 5;
};

class RedisWriter {
 public:
  struct Options {
    RedisPlace place;
    StoreBounds bounds;
    std::string new_epoch;  ///< of a log that is made
    std::string tag;        ///< of this server, for the channel
  };

  /// Connects, and makes the log if it does not exist. `head`: sequences up to it have been given away. Throws
  /// StoreUnavailable and RedisError.
  RedisWriter(const Options& options, std::uint64_t head);

  const RedisState& log() const { return log_; }
  /// What an append survives.
  const RedisServer& worth() const { return server_; }
  /// Not after a lack of memory: it may have left an answer unread.
  static bool is_usable() { return false; }

  /// Appends what the contributions bring, in their order, each all or none. Returns the new entries.
  std::vector<LogEntry> append(const ContributionGroup& group, std::chrono::system_clock::time_point now);
  /// Makes the log if it does not exist, and sees whether Redis lets it be written.
  void enter(std::uint64_t head);
  /// Drops entries that the bounds do not allow, also if Redis is full (7.0 and newer); true if there may be more.
  bool retire(std::chrono::system_clock::time_point now);
  /// Asks Redis again what its answers are worth. Throws RedisError if it is another run.
  void ask_again();

 private:
  void rebuild();
  RedisWords own_log() const { return {log_.epoch, server_.run}; }
  void add_contribution(RedisWords& words, const Contribution& contribution) const;

  const Options options_;
  const RedisWords keys_;
  RedisConnection connection_;
  RedisServer server_;
  RedisState log_;
};

class RedisQueries {
 public:
  explicit RedisQueries(const RedisPlace& place) : keys_(place.keys()), connection_(place.address) {}

  RedisState log();
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter);
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen);
  EventStore::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  EventStore::Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                               EventStore::Topics topics);
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter);
  /// All entries after the sequence, up to a bound.
  EventStore::Page follow(std::uint64_t sequence);

 private:
  RedisReply run(const RedisScript& script, const RedisWords& arguments);
  EventStore::Page fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through);
  EventStore::Page scan(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter, const char* where,
                        const char* newest);

  const RedisWords keys_;
  RedisConnection connection_;
};

}  // namespace millrace
