#include "pg_topic_state.h"

namespace millrace {

namespace {

constexpr PgStatement kTopicStates{
    "topic_states",
    "SELECT coalesce(f.sequence, 0), coalesce(o.sequence, 0), coalesce((SELECT e.sequence FROM millrace_events e"
    " WHERE e.topic = t.topic AND e.kind = 1 AND e.sequence < o.sequence AND e.sequence >= $2"
    " ORDER BY e.sequence DESC LIMIT 1), 0)"
    " FROM unnest($1) WITH ORDINALITY t(topic, n)"
    " LEFT JOIN LATERAL (SELECT e.sequence FROM millrace_events e WHERE e.topic = t.topic AND e.kind = 1"
    " AND e.sequence >= $2 ORDER BY e.sequence DESC LIMIT 1) f ON true"
    " LEFT JOIN LATERAL (SELECT greatest((SELECT e.sequence FROM millrace_events e WHERE e.topic = t.topic"
    " AND e.kind <> 1 AND e.sequence >= $2 ORDER BY e.sequence DESC LIMIT 1), (SELECT e.sequence FROM millrace_topics e"
    " WHERE e.topic = t.topic AND e.sequence >= $2 ORDER BY e.sequence DESC LIMIT 1)) AS sequence) o ON true ORDER BY "
    "n"};

}  // namespace

void PgTopicState::add(std::uint64_t sequence, Publication::Kind kind) {
  if (kind == Publication::Kind::kFinish) {
    last_finish = sequence;
    return;
  }
  if (is_finished()) life_before = last_finish;
  last_other = sequence;
}

std::vector<PgTopicState> topic_states(PgConnection& connection, const std::vector<std::string_view>& topics,
                                       std::uint64_t oldest) {
  const PgResult rows = connection.run(kTopicStates, PgParams().texts(topics).number(oldest));
  std::vector<PgTopicState> states;
  states.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) {
    states.push_back(
        {.last_finish = rows.number(row, 0), .last_other = rows.number(row, 1), .life_before = rows.number(row, 2)});
  }
  return states;
}

}  // namespace millrace
