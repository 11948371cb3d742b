// RedisEventLog: an event log that several servers share, in Redis; redis_scripts.h has its keys.
//
// Concurrent publishers share a script's run. A thread with a connection of its own waits for messages of the log's
// channel, and for kStoreRetry where none comes: it hands over what other servers have appended, drops what the bounds
// do not allow, asks Redis what its answers are worth, and connects again after a failure.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/event_store.h"
#include "mutex.h"
#include "redis_log.h"
#include "stores/common/group_commit.h"
#include "stores/common/store_figures.h"
#include "stores/common/store_trouble.h"
#include "stores/common/wake_pipe.h"

namespace millrace {

class RedisEventLog final : public EventStore {
 public:
  struct Options {
    RedisPlace place;
    StoreBounds bounds;
    std::string new_epoch;      ///< of a log that is made
    std::string tag;            ///< of this server, different from all others'
    std::uint64_t preload = 0;  ///< entries that are handed over before start() returns, if there are as many
  };

  /// Throws StoreUnavailable and RedisError.
  explicit RedisEventLog(Options options);
  /// No server may use it any more.
  ~RedisEventLog() override;
  RedisEventLog(const RedisEventLog&) = delete;
  RedisEventLog& operator=(const RedisEventLog&) = delete;

  void start(Callbacks callbacks) override;
  void stop() override;
  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return head_; }
  std::uint64_t oldest() const override { return oldest_; }
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override;
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   Topics topics) const override;
  bool retains() const override { return true; }
  bool takes_several_topics() const override { return true; }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  bool is_shared() const override { return true; }
  bool catch_up(std::uint64_t sequence) const override;
  void catch_up_with_others() const override;
  StoreStatus status() const override { return trouble_.status(); }
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override;
  StoreStatistics statistics() const override { return figures_.with(trouble_); }

 private:
  struct Reader {
    Mutex mutex;
    std::unique_ptr<RedisQueries> queries GUARDED_BY(mutex);
  };

  void open_writer();
  void note_server(const RedisServer& server);
  void write(const ContributionGroup& group) noexcept;
  std::vector<LogEntry> commit(const ContributionGroup& group);
  void fail_writer(const RedisError& error) noexcept;
  void give_up_writer(std::string_view why) noexcept;
  void note(const RedisState& log) const;
  void hand_over(std::span<const LogEntry> entries) noexcept;
  void deliver(std::span<const LogEntry> entries) const REQUIRES(handing_);
  void follow(std::uint64_t until) const REQUIRES(handing_);
  void follow_all() const;
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;
  void run();
  bool take_news() noexcept;
  template <typename Work>
  void alone(const Work& work) noexcept;
  void tend() noexcept;
  void look_after_writer();
  bool retire();

  const Options options_;
  std::string epoch_;
  std::function<void(std::span<const LogEntry>)> on_appended_;  // set while nothing else is called
  mutable std::atomic<std::uint64_t> head_ = 0;                 // handed over
  mutable std::atomic<std::uint64_t> oldest_ = 1;
  mutable StoreFigures figures_;
  std::atomic<Durability> durability_ = Durability::kMemory;

  mutable StoreTrouble trouble_;
  GroupCommit commits_{trouble_};
  std::unique_ptr<RedisWriter> writer_;  // of whose turn it is; null while Redis cannot be used

  mutable Mutex handing_;  // held while entries go to on_appended, in their order
  mutable Reader lookups_;
  mutable Reader pages_;

  mutable Mutex warnings_mutex_;
  std::vector<std::string> warnings_ GUARDED_BY(warnings_mutex_);

  WakePipe wake_;
  std::atomic<bool> is_stopping_ = false;
  std::unique_ptr<RedisConnection> listener_;  // the thread's
  std::thread thread_;
};

}  // namespace millrace
