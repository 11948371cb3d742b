#include "answer_service.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/engine.h"
#include "loop/event_loop.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

namespace {

constexpr Duration kLastWrites{1'000};

// The last event of an answer that its producer did not finish, where the program makes none.
std::vector<OwnedAnswerEvent> usual_last_events(const AnswerEnding& ending) {
  const nlohmann::json data = {{"reason", ending.sentence}};
  const std::string text = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  switch (ending.end) {
    case AnswerEnd::kNone:
    case AnswerEnd::kFinished:
      return {};
    case AnswerEnd::kStopped:
    case AnswerEnd::kAlone:
      return {{.type = EventType("stopped"), .data = text}};
    case AnswerEnd::kInterrupted:
      return {{.type = EventType("interrupted"), .data = text}};
    case AnswerEnd::kFailed:
    case AnswerEnd::kTooLarge:
    case AnswerEnd::kTooOld:
    case AnswerEnd::kTooFast:
      return {{.type = EventType("failed"), .data = text}};
  }
  return {};
}

}  // namespace

AnswerService::AnswerService(Engine& engine, AnswersOptions options)
    : engine_(engine),
      hub_(engine.hub()),
      options_(std::move(options)),
      on_failure_(engine.options().on_failure),
      store_(engine.options().store),
      record_prefix_(record_prefix(options_.topic)),
      request_prefix_(request_prefix(options_.topic)),
      node_topic_(node_topic(options_.topic)),
      writes_at_once_(store_ == nullptr && options_.batch == Duration{0}),
      register_({.running = options_.max_running,
                 .running_per_client = options_.max_running_per_client.value_or((options_.max_running + 1) / 2),
                 .kept = options_.max_kept,
                 .keep_for = options_.keep_for}),
      nodes_(store_ != nullptr && store_->is_shared()
                 ? std::make_unique<AnswerNodes>(options_.node_timeout, std::random_device{}(), monotonic_now())
                 : nullptr),
      writer_({.batch = options_.batch,
               .publish = [this](const AnswerWriter::Commit& commit) { return publish(commit); },
               .on_tick = [this] { tick(); }}) {}

void AnswerService::start() {
  if (store_ != nullptr) recover();
  metrics_ = engine_.more_metrics().add([this] { return metrics(); });
}

// The program's handles stay valid, and no longer use the server.
void AnswerService::stop() {
  metrics_.reset();
  if (std::exchange(is_attached_, false)) engine_.feed().detach(*this);
  for (const AnswerPtr& answer : register_.running()) answer->end(AnswerEnd::kInterrupted);
  writer_.stop(kLastWrites);
  is_stopped_ = true;
  register_.clear();  // its answers hold the service
}

void AnswerService::tick() {
  register_.expire(std::chrono::system_clock::now());
  if (nodes_ != nullptr) look_at_nodes();
  for (AnswerPtr oldest = register_.oldest(); oldest != nullptr; oldest = register_.oldest()) {
    if (!oldest->end_if_too_old(monotonic_now())) return;
  }
}

// The event with this number may have left the log while all later events of the answer are still there. Then the
// client misses nothing, and must get no gap. The same holds for the place where the answer began.
std::string AnswerService::place_after(const Answer::State& answer, std::uint64_t number) {
  const std::string here = number == 0 ? answer.terms().beginning : answer.id_of(number).text();
  const std::string head = hub_.cursor();  // read before the answer's number of events
  const TopicFilter filter({TopicPattern(answer.terms().topic.get())});
  const Feed& feed = engine_.feed();
  try {
    if (feed.resolve(here, &filter).gap_reason.empty()) return here;
    const Feed::Cursor next = feed.resolve(answer.id_of(number + 1).text(), &filter);
    if (next.gap_reason.empty() && next.sequence > 0) return feed.id_of(next.sequence - 1).text();
    if (answer.is_produced_here() && answer.events_written() == number) return head;
  } catch (const StoreUnavailable&) {
    // The subscription fails in the same way, and reports it.
  }
  return here;
}

bool AnswerService::is_lost(const Answer::State& answer) {
  if (!answer.events_when_over() || !answer.events_written()) return false;
  const TopicFilter filter({TopicPattern(answer.terms().topic.get())});
  const Feed& feed = engine_.feed();
  try {
    return !feed.is_over(feed.resolve({}), filter);
  } catch (const StoreUnavailable&) {
    return false;  // as above
  }
}

// --- Writing --------------------------------------------------------------------------------------------------------

bool AnswerService::write_record(const Answer::State& answer) {
  if (store_ == nullptr) return true;
  const OwnedTopic topic = topic_about(record_prefix_, answer.terms().id);
  const std::string json = AnswerRecord::of(answer).json();
  // The store keeps it beyond its bounds, if it can, until the answer is over.
  Publication record{.topic = topic, .event = {.data = json}, .retain = hub_.retains()};
  Published published = std::move(hub_.append({&record, 1}).front());
  if (published.outcome == Published::Outcome::kNotRetained) {
    record.retain = false;
    published = std::move(hub_.append({&record, 1}).front());
  }
  return static_cast<bool>(published);
}

// Publishes all entries in one commit of the store; the end of an answer together with its record.
bool AnswerService::publish(const AnswerWriter::Commit& commit) {
  if (nodes_ != nullptr && nodes_->has_lost_lease(monotonic_now())) give_up();
  std::vector<Publication> publications;
  publications.reserve(commit.entries);
  std::vector<std::pair<OwnedTopic, std::string>> records;
  records.reserve(commit.parts.size());
  for (const auto& [answer, entries] : commit.parts) {
    if (answer->is_abandoned()) continue;
    const Topic topic = answer->terms().topic;
    for (const Answer::State::Entry& entry : entries) {
      publications.push_back({.topic = topic,
                              .event = {.type = entry.type.get(), .data = entry.data, .id = entry.id.get()},
                              .kind = entry.kind});
      if (entry.kind != Publication::Kind::kFinish || store_ == nullptr) continue;
      records.emplace_back(topic_about(record_prefix_, answer->terms().id), AnswerRecord::of(*answer).json());
      publications.push_back({.topic = records.back().first, .event = {.data = records.back().second}});
    }
  }
  if (publications.empty()) return true;
  const Published first = std::move(hub_.append(publications).front());
  if (first.outcome == Published::Outcome::kStoreUnavailable) return false;
  if (!first) publish_singly(commit);
  return true;
}

// Although send() has checked it, one entry cannot be published: its answer fails, and the others continue.
void AnswerService::publish_singly(const AnswerWriter::Commit& commit) {
  for (const auto& [answer, entries] : commit.parts) {
    const Topic topic = answer->terms().topic;
    for (const Answer::State::Entry& entry : entries) {
      const Published published =
          entry.kind == Publication::Kind::kFinish
              ? hub_.finish(topic)
              : hub_.publish(topic, {.type = entry.type.get(), .data = entry.data, .id = entry.id.get()});
      if (!published) answer->end(AnswerEnd::kFailed, published.sentence);
    }
  }
}

std::vector<OwnedAnswerEvent> AnswerService::last_events(const AnswerEnding& ending) const {
  if (options_.last_events == nullptr) return usual_last_events(ending);
  std::vector<OwnedAnswerEvent> events;
  const bool are_made = call_guarded(on_failure_, "last_events", [&] { events = options_.last_events(ending); });
  return are_made ? events : usual_last_events(ending);
}

void AnswerService::ended(const AnswerPtr& answer, AnswerEnd end) {
  ++ends_[static_cast<std::size_t>(end)];
  register_.ended(answer, std::chrono::system_clock::now());
}

// --- The program's callbacks ----------------------------------------------------------------------------------------

void AnswerService::call(const std::function<void()>& callback) const {
  call_guarded(on_failure_, "on_stop", callback);
}

void AnswerService::call_later(std::vector<std::function<void()>> callbacks) {
  for (auto& callback : callbacks) {
    if (is_stopped_) {
      call(callback);
    } else {
      engine_.workers().run_callback(
          [service = shared_from_this(), callback = std::move(callback)] { service->call(callback); });
    }
  }
}

// --- Figures --------------------------------------------------------------------------------------------------------

void AnswerService::count_first_event(Duration after) {
  std::size_t bucket = 0;
  while (bucket < kFirstEventBounds.size() && after.count() > kFirstEventBounds[bucket]) ++bucket;
  ++first_events_[bucket];
  first_events_milliseconds_ += static_cast<std::uint64_t>(after.count());
}

AnswersStatistics AnswerService::statistics() const {
  const AnswerRegister::Sizes sizes = register_.sizes();
  const auto ends = [this](std::initializer_list<AnswerEnd> all) {
    std::uint64_t sum = 0;
    for (const AnswerEnd end : all) sum += ends_[static_cast<std::size_t>(end)];
    return sum;
  };
  using enum AnswerEnd;
  return {.running = sizes.running,
          .kept = sizes.kept,
          .listeners = listeners_,
          .waiting_bytes = waiting_bytes_,
          .begun = begun_,
          .joined = joined_,
          .finished = ends({kFinished}),
          .failed = ends({kFailed, kTooLarge, kTooOld, kTooFast}),
          .stopped = ends({kStopped, kAlone}),
          .interrupted = ends({kInterrupted})};
}

std::vector<Metric> AnswerService::metrics() const {
  using Kind = Metric::Kind;
  const AnswersStatistics now = statistics();
  const auto sample = [this](double value, const char* reason = nullptr) {
    Metric::Sample one{.labels = {{"topic", options_.topic}}, .value = value};
    if (reason != nullptr) one.labels.emplace_back("reason", reason);
    return one;
  };
  const auto metric = [&](const char* name, const char* help, Kind kind, auto value) {
    return Metric{.name = name, .help = help, .kind = kind, .samples = {sample(static_cast<double>(value))}};
  };
  Metric ended{
      .name = "millrace_answers_ended_total", .help = "Answers that have ended, by reason", .kind = Kind::kCounter};
  for (const auto& [reason, count] : {std::pair{"finished", now.finished}, std::pair{"failed", now.failed},
                                      std::pair{"stopped", now.stopped}, std::pair{"interrupted", now.interrupted}}) {
    ended.samples.push_back(sample(static_cast<double>(count), reason));
  }
  Metric first{.name = "millrace_answers_first_event_seconds",
               .help = "From the beginning of an answer to its first event",
               .kind = Kind::kHistogram};
  for (std::size_t i = 0; i <= kFirstEventBounds.size(); ++i) {
    first.count += first_events_[i];
    if (i == kFirstEventBounds.size()) break;
    first.buckets.push_back(
        {.upper_bound = static_cast<double>(kFirstEventBounds[i]) / 1000, .cumulative_count = first.count});
  }
  first.sum = static_cast<double>(first_events_milliseconds_) / 1000;
  return {metric("millrace_answers_running", "Answers with a producer in this server", Kind::kGauge, now.running),
          metric("millrace_answers_kept", "Answers that have ended and can be read", Kind::kGauge, now.kept),
          metric("millrace_answers_listeners", "Open streams of answers", Kind::kGauge, now.listeners),
          metric("millrace_answers_waiting_bytes", "Bytes of answers that the log does not have yet", Kind::kGauge,
                 now.waiting_bytes),
          metric("millrace_answers_begun_total", "Answers begun", Kind::kCounter, now.begun),
          metric("millrace_answers_joined_total", "Requests that joined an answer", Kind::kCounter, now.joined),
          std::move(ended),
          std::move(first)};
}

}  // namespace millrace
