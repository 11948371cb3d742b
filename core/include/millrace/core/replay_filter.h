// ReplayFilter: recognizes events that come a second time because a server begins too early after a reconnection.
//
// It checks only the events directly after a reconnection, up to the first new one, and in the order in which they came
// before. An event is a replay if it has its own `id`, and its ID, type and data equal those of one of the last
// kReplayWindowEvents events (compared by 64-bit hashes). Events without an `id` are never replays. A filter belongs to
// one event source; no locking.
//
//   filter.begin(true, true);                                            // a new connection, from an ID on
//   if (!filter.is_replay(parser.event())) dispatch(parser.event());
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "millrace/core/event.h"
#include "millrace/core/limits.h"

namespace millrace {

/// The last events of one event source, by their hashes.
class ReplayFilter {
 public:
  /// A connection begins. `is_on`: the filter checks and remembers its events. `may_repeat`: the request had a last
  /// event ID, so that events of earlier connections may come again; without one a server has nothing to repeat from.
  void begin(bool is_on, bool may_repeat) {
    is_on_ = is_on;
    from_ = may_repeat ? 0 : kReplayWindowEvents;
  }

  /// Whether the event came before. Remembers it if it did not.
  bool is_replay(const MessageEvent& event);

 private:
  std::unique_ptr<std::uint64_t[]> seen_;   // hashes: a ring, made with the first of them
  std::size_t next_ = 0;                    // the oldest
  std::size_t from_ = kReplayWindowEvents;  // what may come again, counted from the oldest
  bool is_on_ = false;
};

}  // namespace millrace
