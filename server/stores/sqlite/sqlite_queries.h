// SqliteQueries: the queries of an event log, on one connection. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "database.h"
#include "millrace/server/event_store.h"
#include "millrace/server/store_access.h"
#include "unindexed_topics.h"

namespace millrace {

/// Tells whether a payload is the one that was written with this sequence.
std::int64_t payload_digest(std::uint64_t sequence, std::string_view payload);

class SqliteQueries {
 public:
  /// The database must outlive it.
  explicit SqliteQueries(SqliteDatabase& database);

  /// The event with this ID, topic and publisher_key().
  std::optional<std::uint64_t> find(std::string_view publisher_id, std::string_view topic, std::string_view publisher);
  /// Like EventStore::find().
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter);
  /// Like EventStore::finished_at().
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen);
  /// The topic's last entry, if it is a finish.
  std::optional<std::uint64_t> is_finished(std::string_view topic);
  /// The newest finish after which the topic has begun again; 0 if it has not.
  std::uint64_t life_before(std::string_view topic);
  /// Like EventStore::read_after(), for entries up to `head`, from one state of the file.
  EventStore::Page read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  /// Like StoreAccess::read_after(); the caller sees to one state of the file.
  std::vector<StoreAccess::Entry> read_all_after(std::uint64_t sequence);
  /// Like EventStore::read_newest().
  EventStore::Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                               EventStore::Topics topics);
  /// The first matching retained event after `sequence`; after checking kPageScan events, one that does not match.
  std::optional<std::uint64_t> retained_after(std::uint64_t sequence, const TopicFilter& filter);
  /// Bytes of the topic's retained event; 0 without one.
  std::size_t retained_cost(std::string_view topic);
  /// Reads the whole file. Throws SqliteError if something in it cannot be what was written.
  void check_everything();
  /// Reads all rows with payloads, and compares each payload with its digest; a sentence for each row that is not what
  /// was written, which names it, and at most so many.
  std::vector<std::string> find_damaged_rows(std::size_t most);
  /// The newest entry, and the oldest.
  std::optional<std::uint64_t> newest();
  std::optional<std::uint64_t> oldest();

 private:
  EventStore::Page scan(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  EventStore::Page merge(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter);
  EventStore::Page scan_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                               EventStore::Topics topics);
  EventStore::Page newest_of_topics(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                    EventStore::Topics topics);
  void look_at_unindexed();
  LogEntry newest_entry(std::uint64_t sequence, std::vector<OwnedTopic> topics);
  LogEntry newest_entry(std::uint64_t sequence);
  template <typename Look>
  void for_each_row(const Look& look);
  std::vector<OwnedTopic> further_topics_of(const SqliteRows& row) const;
  Topic topic_of(const SqliteRows& row, int column) const;
  Topic checked_topic(std::string_view text) const;
  LogEntry entry(const SqliteRows& row) const;

  // What decides which entries the table `newest` does not account for.
  struct UnindexedState {
    std::uint64_t indexed;
    std::uint64_t oldest;
    std::uint64_t newest;
    friend bool operator==(const UnindexedState&, const UnindexedState&) = default;
  };

  SqliteDatabase& database_;
  SqliteStatement find_;
  SqliteStatement next_holder_;
  SqliteStatement first_finish_;
  SqliteStatement last_finish_;
  SqliteStatement last_entry_;
  SqliteStatement last_of_life_;
  SqliteStatement sequences_;
  SqliteStatement entry_;
  SqliteStatement entries_;
  SqliteStatement all_entries_;
  SqliteStatement newest_of_topic_;
  SqliteStatement newest_events_;
  SqliteStatement retained_entry_;
  SqliteStatement retained_after_;
  SqliteStatement retained_topic_;
  SqliteStatement retained_cost_;
  SqliteStatement indexed_;
  SqliteStatement unindexed_;
  SqliteStatement newest_;
  SqliteStatement oldest_;

  UnindexedTopics unindexed_topics_;
  std::optional<UnindexedState> unindexed_state_;  // of which they are
};

}  // namespace millrace
