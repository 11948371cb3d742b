// AnswerNodes: finds out which of the servers that share a store have stopped producing their answers.
//
// A server with running answers writes a sign of life into the store at every beat. If it has written none for the
// length of a lease, it gives its answers up. The other servers wait for longer, and then end the answers of a server
// that has been silent. The class has no clock and does no I/O. Any thread may use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class AnswerNodes {
 public:
  /// `timeout` is AnswersOptions::node_timeout. `seed` draws how much longer this server waits, up to a beat, so that
  /// several servers do not end the same answers at the same time.
  AnswerNodes(Duration timeout, std::uint64_t seed, TimePoint now);

  /// Notes a sign of life of another server.
  void heard(std::string_view node, TimePoint now);
  /// Returns the servers that have been silent for too long, and forgets them until they are heard again.
  std::vector<std::string> take_silent(TimePoint now);

  /// Whether it is time for a sign of life.
  bool is_beat_due(TimePoint now) const;
  /// Notes that a sign of life was due, and whether the store has taken it.
  void beat(bool is_stored, TimePoint now);
  /// Whether this server must give its answers up, because the others may soon end them.
  bool has_lost_lease(TimePoint now) const;
  /// Begins the lease anew: this server has no running answers now.
  void renew_lease(TimePoint now);

 private:
  const Duration beat_;
  const Duration lease_;
  const Duration patience_;
  mutable Mutex mutex_;
  TimePoint next_beat_ GUARDED_BY(mutex_);
  TimePoint stored_at_ GUARDED_BY(mutex_);
  StringMap<TimePoint> heard_ GUARDED_BY(mutex_);  // by node
};

}  // namespace millrace
