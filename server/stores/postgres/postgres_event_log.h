// PostgresEventLog: an event log that several servers share, in a PostgreSQL database; pg_log.h says how it keeps them
// in one order.
//
// Concurrent publishers are committed together, as with SQLite. A thread with a connection of its own waits for
// notifications, and for kStoreRetry where none comes: it hands over what other servers have appended, moves what
// applications have published into the log, drops what the bounds do not allow, and connects again after a failure.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "log/turns.h"
#include "millrace/server/event_store.h"
#include "mutex.h"
#include "pg_log.h"

namespace millrace {

class PostgresEventLog final : public EventStore {
 public:
  struct Options {
    PgConnection::Options connection;
    StoreBounds bounds;
    std::string new_epoch;      ///< of a log that is made
    std::uint64_t preload = 0;  ///< entries that are handed over before start() returns, if there are as many
  };

  /// Throws StoreUnavailable and PgError.
  explicit PostgresEventLog(Options options);
  /// No server may use it any more.
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
  StoreStatus status() const override;
  Durability durability() const override { return durability_; }
  std::vector<std::string> warnings() const override;
  StoreStatistics statistics() const override;

 private:
  struct Contribution : PgContribution {
    bool is_done = false;
    std::shared_ptr<const std::string> trouble = nullptr;  // why not, if that could be said
  };
  struct Reader {
    Mutex mutex;
    std::unique_ptr<PgQueries> queries GUARDED_BY(mutex);
  };
  class WakePipe;

  void open_writer();
  void write(const std::vector<Contribution*>& group) noexcept;
  std::vector<LogEntry> commit(const std::vector<Contribution*>& group);
  void hand_over(std::span<const LogEntry> entries) noexcept;
  void deliver(std::span<const LogEntry> entries) const REQUIRES(handing_);
  void follow(std::uint64_t until) const REQUIRES(handing_);
  void follow_all() const;
  template <typename Work>
  void alone(const Work& work) noexcept;
  void give_up_writer(const std::string& why) noexcept;
  void move_outbox();
  void tend();
  void note(const PgLogRow& row) const;
  void set_trouble(const std::string& trouble) const noexcept;
  void tell_trouble() const;
  template <typename Ask>
  auto ask(Reader& reader, const Ask& question) const;
  void run();
  bool take_news() noexcept;

  const Options options_;
  std::string epoch_;
  Callbacks callbacks_;                          // of the server that uses it: set while nothing else is called
  mutable std::atomic<std::uint64_t> head_ = 0;  // handed over
  mutable std::atomic<std::uint64_t> oldest_ = 1;
  mutable std::atomic<std::uint64_t> entries_ = 0;
  mutable std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  mutable std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<Durability> durability_ = Durability::kProcess;

  Turns<Contribution> turns_;
  std::unique_ptr<PgWriter> writer_;  // of whose turn it is; null while the database cannot be used
  std::atomic<int> own_backend_ = 0;  // the writer's, of whose notifications the thread knows

  mutable Mutex handing_;  // held while entries go to on_appended, in their order
  mutable Reader lookups_;
  mutable Reader pages_;

  mutable Mutex trouble_mutex_;
  mutable std::string trouble_ GUARDED_BY(trouble_mutex_);
  mutable std::deque<std::string> untold_ GUARDED_BY(trouble_mutex_);  // what on_status has not been given yet
  mutable bool is_telling_ GUARDED_BY(trouble_mutex_) = false;
  std::vector<std::string> warnings_ GUARDED_BY(trouble_mutex_);

  const std::unique_ptr<WakePipe> wake_;
  std::atomic<bool> is_stopping_ = false;
  std::unique_ptr<PgConnection> listener_;  // the thread's
  std::thread thread_;
};

}  // namespace millrace
