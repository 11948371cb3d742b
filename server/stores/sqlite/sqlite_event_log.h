// SqliteEventLog: an event log in an SQLite file.
//
// It commits concurrent publishers together: the first in the queue writes the entries of all, while the others wait.
// Committed entries go to on_appended, and only then append() returns, so no subscriber sees an event that a crash
// undoes. A separate thread removes entries beyond the bounds, shrinks the file, and reopens it after a failure.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/server/stores/sqlite.h"
#include "mutex.h"
#include "sqlite_queries.h"
#include "sqlite_writer.h"
#include "stores/common/boot_id.h"
#include "stores/common/group_commit.h"
#include "stores/common/lock_file.h"
#include "stores/common/repetition.h"
#include "stores/common/store_figures.h"
#include "stores/common/store_trouble.h"

namespace millrace {

class SqliteEventLog final : public EventStore {
 public:
  struct Options {
    std::string path;
    StoreSync sync = StoreSync::kFull;
    StoreBounds bounds;
    std::string new_epoch;                                         ///< for a new log
    std::function<std::chrono::system_clock::time_point()> clock;  ///< for the bound on age; any thread
    std::string boot_id = machine_boot_id();
  };

  /// Throws StoreUnavailable, with the reason, if the file cannot be opened.
  explicit SqliteEventLog(Options options);
  /// No server may still use it.
  ~SqliteEventLog() override;
  SqliteEventLog(const SqliteEventLog&) = delete;
  SqliteEventLog& operator=(const SqliteEventLog&) = delete;

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
  StoreStatus status() const override { return trouble_.status(); }
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override;
  StoreStatistics statistics() const override { return figures_.with(trouble_); }

  /// The periodic work of the log's own thread, every kStoreRetry.
  void tend(const Repetition::IsStopping& is_stopping = Repetition::IsStopping(false));

 private:
  // A reader with its own connection. The log has two, because pages take longer than other queries.
  struct Reader {
    Mutex mutex;
    std::unique_ptr<SqliteDatabase> database GUARDED_BY(mutex);
    std::unique_ptr<SqliteQueries> queries GUARDED_BY(mutex);
  };

  void write(const ContributionGroup& group) noexcept;
  std::vector<LogEntry> commit(const ContributionGroup& group);
  void hand_over(std::span<const LogEntry> entries) noexcept;
  bool tend_a_while() noexcept;
  bool tend_to_file();
  void give_up_writer(std::string_view why) noexcept;
  void open_again();
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;

  const Options options_;
  const LockFile lock_file_;
  const Durability durability_;
  std::string epoch_;
  // Of the server that uses the log; set while no other member is called.
  std::function<void(std::span<const LogEntry>)> on_appended_;
  std::atomic<std::uint64_t> head_ = 0;  // the newest entry that on_appended has taken
  std::atomic<std::uint64_t> oldest_ = 1;
  std::atomic<bool> has_finishes_ = false;  // the log has or had a finish
  StoreFigures figures_;
  mutable StoreTrouble trouble_;
  mutable std::atomic<bool> is_damaged_ = false;

  GroupCommit commits_{trouble_};
  std::unique_ptr<SqliteWriter> writer_;  // for the thread that has the turn; null while the file cannot be used

  mutable Reader lookups_;
  mutable Reader pages_;

  Repetition tending_;
};

}  // namespace millrace
