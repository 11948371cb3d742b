// FileEventLog: an event log in files, in one folder.
//
// It commits concurrent publishers together: the first in the queue writes the entries of all as one group, while the
// others wait. Committed entries go to on_appended, and only then append() returns, so no subscriber sees an event that
// a crash undoes. A separate thread removes entries beyond the bounds, and mends the newest file after a failure.
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

#include "file_index.h"
#include "group_draft.h"
#include "log_files.h"
#include "log_writer.h"
#include "millrace/server/event_store.h"
#include "millrace/server/stores/file.h"
#include "mutex.h"
#include "stores/common/group_commit.h"
#include "stores/common/lock_file.h"
#include "stores/common/repetition.h"
#include "stores/common/store_figures.h"
#include "stores/common/store_trouble.h"

namespace millrace {

/// Entries that the log commits together. An entry costs so little that the wait for the disk would cost more if there
/// were fewer.
inline constexpr std::size_t kFileLogGroupEntries = 4'096;

class FileEventLog final : public EventStore {
 public:
  struct Options {
    std::shared_ptr<LogFolder> folder;
    StoreSync sync = StoreSync::kFull;
    StoreBounds bounds;
    std::string new_epoch;                                         ///< for a new log
    std::function<std::chrono::system_clock::time_point()> clock;  ///< for the bound on age; any thread
    std::string boot_id;                                           ///< of this start of the machine
    std::string in_memory = {};  ///< a warning, if the folder does not survive the machine's next start
    std::size_t segment_bytes = kFileLogBytes;
    std::optional<std::size_t> index_bytes = kFileLogIndexBytes;
  };

  /// Throws StoreUnavailable, with the reason, if the files cannot be used.
  explicit FileEventLog(Options options);
  /// No server may still use it.
  ~FileEventLog() override;
  FileEventLog(const FileEventLog&) = delete;
  FileEventLog& operator=(const FileEventLog&) = delete;

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
  Durability durability() const override;
  std::vector<std::string> warnings() const override { return warnings_; }
  StoreStatistics statistics() const override { return figures_.with(trouble_); }

  /// The periodic work of the log's own thread, every kStoreRetry.
  void tend(const Repetition::IsStopping& is_stopping = Repetition::IsStopping(false));

 private:
  void open();
  void skip_after_restart(const LogHead& last);
  void write(const ContributionGroup& group) noexcept;
  std::vector<LogEntry> commit(const ContributionGroup& group, std::chrono::system_clock::time_point now);
  void begin_segment_if_full();
  void begin_segment(std::uint64_t first);
  // For the thread that has the turn, which alone changes the index: it reads without the mutex.
  const FileIndex& own_index() const NO_THREAD_SAFETY_ANALYSIS { return index_; }
  void index(GroupDraft& draft, const std::vector<std::size_t>& offsets);
  bool retire(std::chrono::system_clock::time_point now, std::uint64_t most);
  std::uint64_t cutoff(std::chrono::system_clock::time_point now, std::uint64_t most) const REQUIRES(mutex_);
  void remove_old_segments();
  bool set_room_aside() noexcept;
  void hand_over(std::span<const LogEntry> entries) noexcept;
  bool tend_a_while() noexcept;
  void mend();
  void read_index_again();
  bool is_broken() const;
  void mend_at_once() noexcept;
  void give_up(std::string_view why) noexcept;
  void take_figures() REQUIRES(mutex_);
  std::size_t segment_bytes() const;

  template <typename Ask>
  auto ask(const Ask& question) const;
  template <typename MakePlan>
  Page read(const MakePlan& make_plan) const;
  std::vector<LogEntry> read(const FileIndex::Plan& plan) const;
  LogEntry decode(std::string_view bytes, const FileIndex::Location& location, const FileIndex::Plan& plan) const;

  const Options options_;
  std::string epoch_;
  std::vector<std::string> warnings_;
  // Of the server that uses the log; set while no other member is called.
  std::function<void(std::span<const LogEntry>)> on_appended_;
  std::atomic<std::uint64_t> head_ = 0;  // the newest entry that on_appended has taken
  std::atomic<std::uint64_t> oldest_ = 1;
  StoreFigures figures_;
  mutable StoreTrouble trouble_;
  mutable std::atomic<bool> is_damaged_ = false;

  mutable Mutex mutex_;
  FileIndex index_ GUARDED_BY(mutex_);  // changed only by the thread that has the turn
  bool is_index_broken_ GUARDED_BY(mutex_) = false;

  // For the thread that has the turn.
  GroupCommit commits_{trouble_, kFileLogGroupEntries};
  std::unique_ptr<LogWriter> writer_;
  bool has_given_up_ = false;

  Repetition tending_;
};

}  // namespace millrace
