// SqliteWriter: the only connection that writes an event log's file. One thread at a time.
//
// Begin a Transaction, call append() and retire() any number of times, then commit(): everything is stored, or nothing.
// Destroying a transaction without a commit rolls it back. If that fails, or the result of a commit is unknown, the
// writer cannot be used any more: its owner opens another.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "database.h"
#include "millrace/server/event_store.h"
#include "millrace/server/stores/sqlite.h"
#include "sqlite_queries.h"

namespace millrace {

class SqliteWriter {
 public:
  /// Starts of the machine, by machine_boot_id().
  struct Boots {
    std::string now;
    std::string left_open = {};  ///< in which a program opened the file and did not close it, if that is known
  };

  /// Opens the file, creates a missing one (with `new_epoch`), and creates its tables. First it makes sure that
  /// SQLite's log is on the disk, because a sync of it may have failed. If a program had the file open when the machine
  /// was started anew, it reads and checks the whole file. Throws StoreUnavailable or SqliteError.
  SqliteWriter(const std::string& path, StoreSync sync, const std::string& new_epoch, const Boots& boots);

  ~SqliteWriter();

  const std::string& epoch() const { return epoch_; }
  std::uint64_t head() const { return head_; }
  std::uint64_t oldest() const { return oldest_; }
  std::uint64_t entries() const { return entries_; }
  /// Bytes of the file's used pages, as last measured.
  std::uint64_t bytes() const { return bytes_; }
  SqliteQueries& queries() { return *queries_; }

  /// Whether the file had finishes when it was opened.
  bool has_finishes() const { return has_finishes_; }

  class Transaction {
   public:
    explicit Transaction(SqliteWriter& writer);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

   private:
    // The writer's members that it changes.
    struct State {
      std::uint64_t head;
      std::uint64_t oldest;
      std::uint64_t entries;
      std::uint64_t bytes;
      std::size_t retained_topics;
      std::size_t retained_bytes;
      std::uint64_t unmeasured_bytes;
      std::uint64_t indexed;
    };
    SqliteWriter& writer_;
    const State before_;
    bool is_over_ = false;  // committed, or the writer has failed
  };

  /// Whether the writer can still be used: not after a SqliteError, or a transaction that could not be rolled back.
  bool is_usable() const { return is_usable_; }

  // In a transaction:

  /// Why the publications cannot all be appended: a sentence that names the bound of retained events. Nothing if they
  /// fit.
  std::optional<std::string> refusal(std::span<const Publication> publications, const StoreBounds& bounds);
  /// The sentence of an IdConflict; nothing without a conflict.
  std::optional<std::string> id_conflict(std::span<const Publication> publications);
  /// Returns the entry; nothing if nothing must be appended, as in EventStore::append().
  std::optional<LogEntry> append(const Publication& publication, std::chrono::system_clock::time_point published);
  /// Drops entries beyond the bounds, oldest first, at most `most`. `published_now` is in milliseconds since 1970.
  /// Returns true if more are left.
  bool retire(const StoreBounds& bounds, std::int64_t published_now, std::uint64_t most);

  /// Appends an entry of another log with its sequence, which must be greater than head().
  void restore(const LogEntry& entry, bool is_retained);
  /// After the last of them: takes over the other log's epoch, and drops entries before `oldest`, but for what is
  /// retained.
  void restore_log(const std::string& epoch, std::uint64_t oldest);

  /// Records in the file that sequences up to this one were used, even without their entries.
  void skip_to(std::uint64_t head);

  /// Moves the pages of SQLite's log into the file if there are many. Not in a transaction. Throws SqliteError.
  void checkpoint();

  /// Returns a bounded number of free pages to the file system, if there are many. Returns true if more are left.
  bool shrink();

  /// Records that the file was closed in order.
  void close();

 private:
  void load(const std::string& new_epoch, const Boots& boots);
  void skip_after(const std::string& boot_id);
  bool is_new(const Publication& publication);
  std::optional<std::uint64_t> published_as(const Publication& publication, Topic topic);
  void insert(const LogEntry& entry, bool is_retained);
  void index(const LogEntry& entry, std::string_view topic, bool is_retained);
  // Makes the table `newest` account for all entries.
  void index_newest();
  std::uint64_t cutoff(const StoreBounds& bounds, std::int64_t published_now, std::uint64_t most);
  void look_at_size();

  SqliteDatabase database_;
  std::string epoch_;
  std::uint64_t head_ = 0;
  std::uint64_t oldest_ = 1;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t retained_topics_ = 0;
  std::size_t retained_bytes_ = 0;
  std::int64_t page_bytes_ = 0;
  bool has_finishes_ = false;
  bool is_usable_ = true;
  int log_pages_ = 0;                   // as of the last commit
  std::uint64_t unmeasured_bytes_ = 0;  // appended since the last measurement
  std::uint64_t indexed_ = 0;           // the sequence up to which the table `newest` accounts for the entries
  std::unique_ptr<SqliteQueries> queries_;
  struct Statements;
  std::unique_ptr<Statements> statements_;
};

}  // namespace millrace
