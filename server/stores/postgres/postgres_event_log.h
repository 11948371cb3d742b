// PostgresEventLog: an event log that several servers share, in a PostgreSQL database. pg_writer.h says how the log
// keeps its order.
//
// It commits concurrent publishers together, as SqliteEventLog does. A thread with its own connection waits for
// notifications, at most kStoreRetry. Then it delivers entries that other servers have appended, moves publications of
// applications into the log, drops entries beyond the bounds, and reconnects after a failure.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/event_store.h"
#include "mutex.h"
#include "pg_queries.h"
#include "pg_writer.h"
#include "stores/common/group_commit.h"
#include "stores/common/store_figures.h"
#include "stores/common/store_trouble.h"
#include "stores/common/wake_pipe.h"

namespace millrace {

class PostgresEventLog final : public EventStore {
 public:
  struct Options {
    PgConnection::Options connection;
    StoreBounds bounds;
    std::string new_epoch;      ///< for a new log
    std::uint64_t preload = 0;  ///< entries that on_appended takes before start() returns, if the log has as many
  };

  /// Throws StoreUnavailable and PgError.
  explicit PostgresEventLog(Options options);
  /// No server may still use it.
  ~PostgresEventLog() override;
  PostgresEventLog(const PostgresEventLog&) = delete;
  PostgresEventLog& operator=(const PostgresEventLog&) = delete;

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
    std::unique_ptr<PgQueries> queries GUARDED_BY(mutex);
  };

  void open_writer();
  void write(const ContributionGroup& group) noexcept;
  std::vector<LogEntry> commit(const ContributionGroup& group);
  void hand_over(std::span<const LogEntry> entries) noexcept;
  void deliver(std::span<const LogEntry> entries) const REQUIRES(handing_);
  void follow(std::uint64_t until) const REQUIRES(handing_);
  void follow_all() const;
  template <typename Work>
  void alone(const Work& work) noexcept;
  void give_up_writer(std::string_view why) noexcept;
  void move_outbox();
  void tend();
  void note(const PgLogRow& row) const;
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;
  void run();
  bool take_news() noexcept;

  const Options options_;
  std::string epoch_;
  // Of the server that uses the log; set while no other member is called.
  std::function<void(std::span<const LogEntry>)> on_appended_;
  mutable std::atomic<std::uint64_t> head_ = 0;  // the newest entry that on_appended has taken
  mutable std::atomic<std::uint64_t> oldest_ = 1;
  mutable StoreFigures figures_;
  StoreTrouble trouble_;
  std::atomic<Durability> durability_ = Durability::kProcess;

  GroupCommit commits_{trouble_};
  std::unique_ptr<PgWriter> writer_;  // for the thread that has the turn; null while the database cannot be used
  std::atomic<int> own_backend_ = 0;  // the writer's; the thread ignores its notifications

  mutable Mutex handing_;  // held while on_appended takes entries, to keep their order
  mutable Reader lookups_;
  mutable Reader pages_;

  mutable Mutex warnings_mutex_;
  std::vector<std::string> warnings_ GUARDED_BY(warnings_mutex_);

  WakePipe wake_;
  std::atomic<bool> is_stopping_ = false;
  std::unique_ptr<PgConnection> listener_;  // the thread's
  std::thread thread_;
};

}  // namespace millrace
