// ReplayFilter: recognizes events that come once more because a server, after a reconnection, begins too early.
//
// Only what directly follows a reconnection is looked at, up to the first event that is new. An event is one that has
// come before if it has an `id` of its own and ID, type and length of the data are those of one of the last
// kReplayWindowEvents; events without an `id` are never left out. One filter belongs to one event source; no locking.
//
//   filter.expect();                                                     // a new connection
//   if (!filter.is_replay(parser.event())) dispatch(parser.event());
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/core/event.h"

namespace millrace {

class ReplayFilter {
 public:
  /// A connection begins: events of earlier ones may come again.
  void expect() { is_expecting_ = true; }

  /// Whether the event has come before. Remembers it if not.
  bool is_replay(const MessageEvent& event);

 private:
  std::vector<std::uint64_t> seen_;  // hashes; a ring once it is full
  std::size_t next_ = 0;
  bool is_expecting_ = false;
};

}  // namespace millrace
