// StoreAccess: a store as its operators need it. It describes the store, looks for damage, updates the tables, reads
// everything, and fills an empty store. The program's command `millrace store` is made of it.
//
//   const auto store = millrace::access_sqlite("/var/lib/app/events.db");  // a server may have it open
//   std::uint64_t seen = 0;
//   for (auto entries = store->read_after(seen); !entries.empty(); entries = store->read_after(seen)) {
//     for (const auto& entry : entries) back_up(entry);
//     seen = entries.back().entry.sequence;
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "millrace/server/event_store.h"

namespace millrace {

/// Sequences that a restored log leaves out: clients may have IDs of events that were published after the backup, so
/// these IDs must not be given to other events.
inline constexpr std::uint64_t kSequencesSkippedByRestore = 1'000'000;

/// What a store is, and what it holds.
struct StoreDescription {
  std::uint64_t version = 0;          ///< of its tables
  std::uint64_t known_version = 0;    ///< the newest that this program knows; never less than `version`
  std::string epoch = {};             ///< EventStore::epoch()
  std::uint64_t oldest = 1;           ///< EventStore::oldest()
  std::uint64_t head = 0;             ///< the newest sequence that was used, with or without an entry
  std::uint64_t entries = 0;          ///< entries from `oldest` on
  std::uint64_t retained_topics = 0;  ///< topics with a retained event
  /// The most that acknowledged events survive here: with StoreSync::kFull, if it is an SQLite file.
  Durability durability = Durability::kMemory;
};

/// A store that need not be in use by a server. One thread at a time.
///
/// Members throw StoreUnavailable, with a sentence, if the store cannot be used.
class StoreAccess {
 public:
  virtual ~StoreAccess() = default;

  /// An entry, and whether it is its topic's retained event.
  struct Entry {
    LogEntry entry;            ///< as in EventStore
    bool is_retained = false;  ///< kept beyond the bounds; then it may be older than StoreDescription::oldest
  };

  /// Describes the store, after read_after() in the state that this reads; changes nothing. Throws if it is not a
  /// store, or if a newer Millrace wrote it.
  virtual StoreDescription describe() = 0;

  /// Reads the whole store and returns what is wrong with it, a sentence each; empty if it is sound.
  virtual std::vector<std::string> find_damage() = 0;

  /// What becomes of an update.
  enum class Update : std::uint8_t {
    kRehearse,  ///< it is made, checked, and taken back
    kKeep,      ///< it is made; older programs cannot use the store any more
  };
  /// Updates the tables to known_version, in one transaction; does nothing if they have it. No server may have the
  /// store open if it is an SQLite file.
  virtual void update(Update update) = 0;

  /// The entries after `sequence`, in order, at most EventStore::kPageEntries; empty if there are none. All calls
  /// read the state at the first call. Throws if the tables need an update.
  virtual std::vector<Entry> read_after(std::uint64_t sequence) = 0;

  /// Fills an empty store, and creates a missing one, in one transaction: with `log.epoch` and `log.head`, and the
  /// entries that `next` returns, in order, until it returns nothing. If `next` throws, the store stays empty. Entries
  /// before `log.oldest` must be retained. Bounds on the store do not apply. Throws if the store has had entries.
  virtual void fill(const StoreDescription& log, const std::function<std::optional<Entry>()>& next) = 0;

 protected:
  /// For fill(): throws StoreUnavailable if a log with this epoch, head and oldest cannot be.
  static void check_log(const StoreDescription& log);
};

}  // namespace millrace
