// PgTopicState: whether a topic of a log in PostgreSQL is finished.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "millrace/server/publication.h"
#include "pg_connection.h"

namespace millrace {

/// Sequences of a topic's newest entries; 0 if it has no such entry.
struct PgTopicState {
  std::uint64_t last_finish = 0;
  std::uint64_t last_other = 0;
  std::uint64_t life_before = 0;  ///< the finish after which the topic began again

  bool is_finished() const { return last_finish > last_other; }
  /// A further entry of the topic.
  void add(std::uint64_t sequence, Publication::Kind kind);
};

/// The state of each topic, in their order; ignores entries before `oldest`.
std::vector<PgTopicState> topic_states(PgConnection& connection, const std::vector<std::string_view>& topics,
                                       std::uint64_t oldest);

}  // namespace millrace
