// ReplayFilter: recognizes events that come a second time because a server begins too early after a reconnection.
//
// It checks only the events directly after a reconnection, up to the first new one. An event is a replay if it has its
// own `id`, and its ID, type and length of data equal those of one of the last kReplayWindowEvents events. Events
// without an `id` are never replays. A filter belongs to one event source; no locking.
//
//   filter.expect();                                                     // a new connection
//   if (!filter.is_replay(parser.event())) dispatch(parser.event());
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/core/event.h"

namespace millrace {

/// The last events of one event source, by their hashes.
class ReplayFilter {
 public:
  /// A connection begins: events of earlier connections may come again.
  void expect() { is_expecting_ = true; }

  /// Whether the event came before. Remembers it if it did not.
  bool is_replay(const MessageEvent& event);

 private:
  std::vector<std::uint64_t> seen_;  // hashes; a ring once it is full
  std::size_t next_ = 0;
  bool is_expecting_ = false;
};

}  // namespace millrace
