// The part of AnswerService that ends the answers of dead servers, and gives its own up when it may be taken for dead.

#include <utility>
#include <vector>

#include "answer_service.h"
#include "engine/engine.h"
#include "loop/event_loop.h"

namespace millrace {

// All of this runs on the writer's thread.
void AnswerService::look_at_nodes() {
  const TimePoint now = monotonic_now();
  if (register_.sizes().running == 0) {
    nodes_->renew_lease(now);
  } else if (nodes_->has_lost_lease(now)) {
    give_up();
  } else if (nodes_->is_beat_due(now)) {
    nodes_->beat(append_beat(), now);
  }
  if (has_given_up_) has_given_up_ = !end_answers_of(options_.node);
  for (const std::string& node : nodes_->take_silent(now)) {
    if (!end_answers_of(node)) nodes_->heard(node, now);  // tries again later
  }
}

bool AnswerService::append_beat() {
  const Publication beat{.topic = node_topic_, .event = {.data = options_.node}};
  return static_cast<bool>(hub_.append({&beat, 1}).front());
}

// Nothing more may be written to these answers, because other servers may end them. When the store can be used again,
// this server or another one writes their end.
void AnswerService::give_up() {
  has_given_up_ = true;
  for (const AnswerPtr& answer : register_.running()) answer->abandon(AnswerEnd::kInterrupted);
  nodes_->renew_lease(monotonic_now());
}

// Ends the answers in the store that this server is no longer producing. Returns false if the store cannot be used now.
bool AnswerService::end_answers_of(std::string_view node) {
  try {
    store_->catch_up_with_others();
    std::vector<AnswerRecord> records = read_records();
    std::erase_if(records, [&](const AnswerRecord& record) {
      if (record.past.end != AnswerEnd::kNone || record.terms.node != node) return true;
      const AnswerPtr answer = register_.find(record.terms.id);
      return answer != nullptr && answer->is_produced_here() && answer->ended_by() == AnswerEnd::kNone;
    });
    if (!records.empty()) interrupt(std::move(records));
    return true;
  } catch (const StoreUnavailable&) {
    return false;
  }
}

}  // namespace millrace
