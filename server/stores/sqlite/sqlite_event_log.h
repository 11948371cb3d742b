// SqliteEventLog: an event log in an SQLite file.
//
// It commits concurrent publishers together: the first in the queue writes the entries of all, while the others wait.
// Committed entries go to on_appended, and only then append() returns, so no subscriber sees an event that a crash
// undoes. A separate thread removes entries beyond the bounds, shrinks the file, and reopens it after a failure.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "lock_file.h"
#include "log/turns.h"
#include "millrace/server/event_store.h"
#include "millrace/server/stores/sqlite.h"
#include "mutex.h"
#include "sqlite_queries.h"
#include "sqlite_writer.h"

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
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  StoreStatus status() const override;
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override;
  StoreStatistics statistics() const override;

  /// The periodic work of the log's own thread, every kStoreRetry.
  void tend();

 private:
  // One publisher's publications, and their result.
  struct Contribution {
    std::span<const Publication> publications;
    std::span<std::uint64_t> sequences;
    bool is_done = false;
    std::optional<std::string> refusal = {};               // by the bounds of retained events
    std::shared_ptr<const std::string> trouble = nullptr;  // why it failed, if memory allows the text
  };
  // A reader with its own connection. The log has two, because pages take longer than other queries.
  struct Reader {
    Mutex mutex;
    std::unique_ptr<SqliteDatabase> database GUARDED_BY(mutex);
    std::unique_ptr<SqliteQueries> queries GUARDED_BY(mutex);
  };

  void end_thread();
  void write(const std::vector<Contribution*>& group) noexcept;
  std::vector<LogEntry> commit(const std::vector<Contribution*>& group);
  void hand_over(std::span<const LogEntry> entries) noexcept;
  bool tend_a_while() noexcept;
  bool tend_to_file();
  void give_up_writer(const char* why) noexcept;
  static void refuse(const std::vector<Contribution*>& group, std::string_view why) noexcept;
  void open_again();
  void fail(const SqliteError& error) const;
  void set_trouble(const std::string& trouble) const;
  void tell_trouble() const;
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;
  void run();

  const Options options_;
  const LockFile lock_file_;
  const Durability durability_;
  std::string epoch_;
  Callbacks callbacks_;                  // of the server that uses the log; set while no other member is called
  std::atomic<std::uint64_t> head_ = 0;  // the newest entry that on_appended has taken
  std::atomic<std::uint64_t> oldest_ = 1;
  std::atomic<std::uint64_t> entries_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<bool> has_finishes_ = false;  // the log has or had a finish
  mutable std::atomic<std::uint64_t> failures_ = 0;

  Turns<Contribution> turns_;
  std::unique_ptr<SqliteWriter> writer_;  // for the thread that has the turn; null while the file cannot be used

  mutable Reader lookups_;
  mutable Reader pages_;

  mutable Mutex trouble_mutex_;
  mutable std::string trouble_ GUARDED_BY(trouble_mutex_);
  mutable std::deque<std::string> untold_ GUARDED_BY(trouble_mutex_);  // changes not yet reported to on_status
  mutable bool is_telling_ GUARDED_BY(trouble_mutex_) = false;
  mutable std::atomic<bool> is_damaged_ = false;

  Mutex run_mutex_;
  Condition stopping_;
  bool stopped_ GUARDED_BY(run_mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
