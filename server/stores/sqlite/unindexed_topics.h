// UnindexedTopics: what the newest entries of a file change in its table `newest`, which accounts for them only now and
// then. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schema.h"

namespace millrace {

class UnindexedTopics {
 public:
  struct Change {
    std::uint64_t sequence = 0;  ///< of the topic's newest event among these entries; 0 without one
    bool is_finished = false;    ///< after that event, or at all without one
  };
  struct Event {
    std::uint64_t sequence;
    std::string_view topic;
    bool is_finished;
  };

  /// The next entry, for each of its topics. Entries come in their order.
  void add(std::uint64_t sequence, std::string_view topic, SqliteKind kind);

  /// Null for a topic without a change.
  const Change* of(std::string_view topic) const;
  /// The newest events of topics which lie after `sequence` and not after `until`, in order; valid as long as this.
  std::vector<Event> events(std::uint64_t sequence, std::uint64_t until) const;

 private:
  std::map<std::string, Change, std::less<>> changes_;
};

}  // namespace millrace
