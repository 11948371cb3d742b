// PgBatch: the entries that a group of publications adds to a log in PostgreSQL. In one transaction, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/server/event_store.h"
#include "pg_connection.h"
#include "pg_topic_state.h"
#include "stores/common/group_commit.h"

namespace millrace {

class PgBatch {
 public:
  /// Reads from the database everything that decides which of the group's publications are new. The publications must
  /// outlive the batch.
  PgBatch(PgConnection& connection, std::span<Contribution* const> group, std::uint64_t oldest);

  /// Whether there is something to append, as in EventStore::append().
  bool is_new(const Publication& publication) const;
  /// The sentence of an IdConflict; nothing without a conflict.
  std::optional<std::string> id_conflict(std::span<const Publication> publications) const;
  void add(LogEntry entry, const Publication& publication);

  /// Bytes that an entry counts for in the bounds; the column `cost` computes the same.
  static std::size_t cost_of(const LogEntry& entry);

  /// Topics to which it adds an event or a finish.
  std::vector<std::string_view> topics() const;
  const std::vector<LogEntry>& entries() const { return entries_; }
  std::vector<LogEntry> take_entries() { return std::move(entries_); }
  /// Whether the topic, one of the entry's, retains it.
  bool is_retained(std::size_t index, std::string_view topic) const;

 private:
  using IdOf = std::tuple<std::string, std::string_view, std::string>;  // ID, topic, publisher_key()

  static IdOf id_of(const Publication& publication, Topic topic);
  std::optional<std::uint64_t> published_as(const Publication& publication, Topic topic) const;
  void note(const Publication& publication);
  void ask_states(PgConnection& connection, std::uint64_t oldest);
  void ask_ids(PgConnection& connection);

  std::vector<LogEntry> entries_;
  std::vector<bool> retained_;                       // for each entry: whether it was published so
  std::map<std::string_view, PgTopicState> states_;  // only of topics whose state decides
  std::map<IdOf, std::uint64_t> ids_;                // the sequence of the event with this ID; 0 if no event has it
  std::map<std::string_view, std::size_t> last_of_topic_;  // index of its newest event or finish
};

}  // namespace millrace
