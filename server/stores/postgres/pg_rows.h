// PgRows: entries as rows of the tables of a log in PostgreSQL, to insert together. The entries must outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "pg_connection.h"

namespace millrace {

/// Since 1970; 0 for earlier times.
std::uint64_t milliseconds_of(std::chrono::system_clock::time_point time);

class PgRows {
 public:
  /// `is_retained(topic)`: whether this topic of the entry retains it.
  void add(const LogEntry& entry, const std::function<bool(std::string_view)>& is_retained);
  /// Throws PgError.
  void insert(PgConnection& connection) const;

 private:
  using MaybeBytes = std::optional<std::string_view>;

  struct Entries {
    std::vector<std::uint64_t> sequences;
    std::vector<std::string_view> topics;
    std::vector<std::uint64_t> kinds;
    std::vector<MaybeBytes> ids;
    std::vector<MaybeBytes> id_topics;
    std::vector<MaybeBytes> publishers;
    std::vector<std::uint64_t> times;
    std::vector<MaybeBytes> payloads;
    std::vector<bool> retained;
  };
  // Of events of several topics.
  struct Topics {
    std::vector<std::string_view> topics;
    std::vector<std::uint64_t> sequences;
    std::vector<std::uint64_t> places;
    std::vector<std::uint64_t> sizes;
    std::vector<MaybeBytes> ids;
    std::vector<MaybeBytes> id_topics;
    std::vector<MaybeBytes> publishers;
    std::vector<bool> retained;
  };
  void add_topic(const LogEntry& entry, std::size_t place, bool is_retained);

  Entries entries_;
  Topics topics_;
  std::deque<std::string> joined_;
};

}  // namespace millrace
