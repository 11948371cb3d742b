// The part of AnswerService that reads a store, and hears other servers through it.

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answer_service.h"
#include "base/string_map.h"
#include "engine/engine.h"
#include "loop/event_loop.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

namespace {

using Clock = std::chrono::system_clock;

constexpr std::size_t kInterruptedAtOnce = 256;  // answers

constexpr std::string_view kStop = "stop";
constexpr std::string_view kArrived = "arrived";
constexpr std::string_view kLeft = "left";

// Calls `use` with the newest event of each topic that the filter matches.
template <typename Use>
void for_newest(const EventStore& store, const TopicFilter& filter, const Use& use) {
  const std::uint64_t until = store.head();
  for (std::uint64_t sequence = 0; sequence < until;) {
    const EventStore::Page page = store.read_newest(sequence, until, filter, EventStore::Topics::kAll);
    for (const LogEntry& entry : page.entries) use(entry);
    if (page.through <= sequence) return;
    sequence = page.through;
  }
}

// The number in an event's ID, `<id>:<number>`; 0 if it has no number.
std::uint64_t number_in(std::string_view id) {
  std::uint64_t number = 0;
  const std::size_t colon = id.rfind(':');
  if (colon != std::string_view::npos) std::from_chars(id.data() + colon + 1, id.data() + id.size(), number);
  return number;
}

}  // namespace

void AnswerService::recover() {
  if (!options_.node.empty()) {
    engine_.feed().attach(*this);
    is_attached_ = true;
  }
  store_->catch_up_with_others();
  std::vector<AnswerRecord> died;
  for (AnswerRecord& record : read_records()) {
    const bool was_here = record.past.end == AnswerEnd::kNone && record.terms.node == options_.node;
    if (was_here) {
      died.push_back(std::move(record));
    } else {
      learn(record);
    }
  }
  if (!died.empty()) interrupt(std::move(died));
}

std::vector<AnswerRecord> AnswerService::read_records() const {
  std::vector<AnswerRecord> records;
  const auto all = OwnedTopicPattern::parse(record_prefix_ + '*');
  if (!all) return records;  // the options have been checked
  for_newest(*store_, TopicFilter({all->get()}), [&](const LogEntry& entry) {
    if (auto record = AnswerRecord::parse(data_in(entry.payload), options_.topic))
      records.push_back(std::move(*record));
  });
  return records;
}

// Listeners that come back get the events that were stored, and the end.
void AnswerService::interrupt(std::vector<AnswerRecord> records) {
  for (std::span<AnswerRecord> left = records; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kInterruptedAtOnce));
    count_events(some);
    write_interrupted(some);
    left = left.subspan(some.size());
  }
}

// By their own topics: the log may have many more answers, which are over.
void AnswerService::count_events(std::span<AnswerRecord> records) const {
  std::vector<TopicPattern> topics;
  StringMap<AnswerRecord*> by_topic;
  for (AnswerRecord& record : records) {
    record.past = {.end = AnswerEnd::kInterrupted, .ended = Clock::now()};
    topics.emplace_back(record.terms.topic.get());
    by_topic.emplace(record.terms.topic.text(), &record);
  }
  for_newest(*store_, TopicFilter(topics), [&](const LogEntry& entry) {
    if (const auto one = by_topic.find(entry.topic.view()); one != by_topic.end())
      one->second->past.events = number_in(entry.publisher_id);
  });
}

// In one commit: a server that starts may have thousands to end.
void AnswerService::write_interrupted(std::span<AnswerRecord> records) {
  struct Ending {
    std::vector<OwnedAnswerEvent> last;
    std::vector<OwnedEventId> ids;
    OwnedTopic record_topic;
    std::string record;
  };
  std::vector<Ending> endings;
  for (AnswerRecord& record : records) {
    auto last = last_events({.id = record.terms.id,
                             .end = AnswerEnd::kInterrupted,
                             .sentence = sentence_of(AnswerEnd::kInterrupted),
                             .number = record.past.events + 1,
                             .note = record.terms.note});
    const Answer::State answer(shared_from_this(), record.terms, record.past);
    std::vector<OwnedEventId> ids;
    for (std::size_t i = 0; i < last.size(); ++i) ids.push_back(answer.id_of(++record.past.events));
    endings.push_back({.last = std::move(last),
                       .ids = std::move(ids),
                       .record_topic = topic_about(record_prefix_, record.terms.id),
                       .record = record.json()});
  }
  std::vector<Publication> publications;
  for (std::size_t n = 0; n < endings.size(); ++n) {
    const Topic topic = records[n].terms.topic;
    const Ending& ending = endings[n];
    for (std::size_t i = 0; i < ending.last.size(); ++i) {
      const OwnedAnswerEvent& event = ending.last[i];
      publications.push_back(
          {.topic = topic, .event = {.type = event.type.get(), .data = event.data, .id = ending.ids[i].get()}});
    }
    publications.push_back({.topic = topic, .kind = Publication::Kind::kFinish});
    publications.push_back({.topic = ending.record_topic, .event = {.data = ending.record}});
  }
  if (const Published published = std::move(hub_.append(publications).back()); !published) {
    throw StoreUnavailable("answers whose server has died cannot be ended: " + published.sentence);
  }
  for (const AnswerRecord& record : records) {
    const AnswerPtr known = register_.find(record.terms.id);
    if (known == nullptr || !known->is_abandoned()) ++ends_[static_cast<std::size_t>(AnswerEnd::kInterrupted)];
    learn(record);
  }
}

void AnswerService::learn(const AnswerRecord& record) {
  if (nodes_ != nullptr && record.past.end == AnswerEnd::kNone && record.terms.node != options_.node) {
    nodes_->heard(record.terms.node, monotonic_now());
  }
  if (const AnswerPtr known = register_.find(record.terms.id)) return known->learn(record.past);
  const bool is_over = record.past.end != AnswerEnd::kNone;
  const Clock::time_point ended = is_over ? record.past.ended : record.terms.begun + options_.max_age;
  if (Clock::now() - ended >= options_.keep_for) return;
  register_.add(std::make_shared<Answer::State>(shared_from_this(), record.terms, record.past), ended);
}

// --- Other servers --------------------------------------------------------------------------------------------------

bool AnswerService::request(const Answer::State& answer, AnswerRequest request) {
  if (is_stopped_) return false;
  const OwnedTopic topic = topic_about(request_prefix_, answer.terms().id);
  const std::string_view data = request == AnswerRequest::kStop      ? kStop
                                : request == AnswerRequest::kArrived ? kArrived
                                                                     : kLeft;
  const Publication publication{.topic = topic, .event = {.data = data}};
  return static_cast<bool>(hub_.append({&publication, 1}).front());
}

void AnswerService::obey(std::string_view id, std::string_view request) {
  const AnswerPtr answer = register_.find(id);
  if (answer == nullptr || !answer->is_produced_here()) return;
  if (request == kStop) answer->end(AnswerEnd::kStopped);
  if (request == kArrived) answer->obey_listeners(true);
  if (request == kLeft) answer->obey_listeners(false);
}

// Under the feed's lock.
void AnswerService::post(const FramePtr& frame) {
  const std::string_view topic = frame->topic_text();
  if (topic.starts_with(record_prefix_)) {
    writer_.run([this, frame] {
      if (const auto record = AnswerRecord::parse(data_in(frame->payload()), options_.topic)) learn(*record);
    });
  } else if (topic == node_topic_.view()) {
    // Not on the writer's thread, which may be waiting for the store: a server that lives must not be taken for dead.
    const std::string node = data_in(frame->payload());
    if (nodes_ != nullptr && node != options_.node) nodes_->heard(node, monotonic_now());
  } else if (topic.starts_with(request_prefix_)) {
    writer_.run([this, frame] { obey(frame->topic_text().substr(request_prefix_.size()), data_in(frame->payload())); });
  }
}

}  // namespace millrace
