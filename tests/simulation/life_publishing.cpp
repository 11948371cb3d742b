// What a life publishes, finishes and begins anew, and what it expects of the answers.
#include <algorithm>

#include "life.h"
#include "log/event_log.h"
#include "millrace/server/topic_filter.h"

namespace millrace::simulation {

namespace {

bool is_job(const std::string& topic) {
  return topic.starts_with("job/");
}

}  // namespace

void Life::publish() {
  std::vector<std::string> topics{random_.one_of(topics_)};
  while (random_.chance(15)) {
    const std::string& further = random_.one_of(topics_);
    if (std::count(topics.begin(), topics.end(), further) == 0) topics.push_back(further);
  }
  publish_to(topics);
}

void Life::publish_to(const std::vector<std::string>& topics) {
  const std::uint64_t number = record_.next_number();
  const std::size_t size = random_.chance(4) ? 5'000 : random_.between(1, 60);
  const std::string data = data_of(number, size);
  const std::string type = random_.chance(30) ? "priced" : "message";
  std::string id;
  if (random_.chance(25)) id = "publishers-" + std::to_string(++last_publisher_id_) + "#";
  // IndexedStore retains nothing.
  const bool is_retained = server_.store() == nullptr &&
                           std::count(retained_.begin(), retained_.end(), topics.front()) > 0 && random_.chance(70);
  std::vector<Topic> further;
  for (std::size_t i = 1; i < topics.size(); ++i) further.push_back(*Topic::parse(topics[i]));
  record_.expect(type, id, size, is_retained);
  const Publication publication{.topic = *Topic::parse(topics.front()),
                                .further_topics = further,
                                .event = {.type = type == "message" ? EventType() : *EventType::parse(type),
                                          .data = data,
                                          .id = *EventId::parse(id)},
                                .retain = is_retained};
  const Published published = server_.hub().publish({&publication, 1}).front();
  if (published.outcome == Published::Outcome::kNotRetained) {
    std::size_t retained = record_.retained_topics() + topics.size();
    for (const std::string& topic : topics) {
      const auto newest = record_.newest().find(topic);
      const bool is_one = newest != record_.newest().end() && record_.entries()[newest->second].is_retained &&
                          !record_.is_finished_after(newest->second, topic);
      if (is_one) --retained;
    }
    if (record_.next_number() != number || retained <= server_.max_retained_topics()) {
      throw Broken("an event was not retained, though there was room");
    }
    record_.expect_nothing();
    return tell("event " + std::to_string(number) + " cannot be retained");
  }
  const Appended known = appended(published, number);
  if (known != Appended::kNo && !id.empty()) identified_.push_back({.topics = topics, .id = id, .number = number});
  if (known != Appended::kYes) return;
  if (record_.next_number() != number + 1 || published.is_repeated()) throw Broken("a publish that is not in the log");
  if (published.id != record_.entries().back().id) throw Broken("a publish was answered with another ID");
  if (!schedule_.tells_story()) return;
  std::string story = "event " + std::to_string(number) + " is published to";
  for (const std::string& topic : topics) story.append(" ").append(topic);
  tell(story + " as " + published.id);
}

// Whether the entry with this number is in the log: what the publisher was told must be so. Brings a server back that
// has died with its store.
Life::Appended Life::appended(const Published& published, std::uint64_t number) {
  record_.check();
  if (published.outcome != Published::Outcome::kStoreUnavailable) {
    record_.expect_nothing();
    return Appended::kYes;
  }
  const bool is_refused = server_.store()->fate() == SimulatedStore::Fate::kRefused;
  tell("entry " + std::to_string(number) + (is_refused ? " is refused" : " gets no answer"));
  if (is_refused) record_.expect_nothing();
  if (!server_.is_running()) {
    schedule_.run_until(schedule_.now() + store_random_.one_of<Duration>({Duration{0}, Duration{2'000}}));
    tell("the server is back, with its store");
    server_.start(true);
  }
  record_.expect_nothing();
  if (record_.next_number() == number) return Appended::kNo;
  if (is_refused || record_.next_number() != number + 1) throw Broken("a refused publish is in the log");
  return Appended::kByNow;
}

void Life::publish_burst() {
  for (std::size_t i = random_.one_of<std::size_t>({5, 30, 400}); i > 0; --i) publish();
}

// While it is on its way back, more is published than it may read of the log in one turn.
void Life::outrun_listener() {
  Listener& listener = some_listener();
  if (listener.is_closed()) return;
  const std::string& topic = random_.one_of(topics_);
  if (!listener.is_subscribed_to(topic)) return;
  listener.reload(random_.next());
  for (std::size_t i = random_.between(250, 600); i > 0; --i) publish_to({topic});
}

// Its publisher has not heard the answer.
void Life::publish_again() {
  if (identified_.empty()) return;
  const Identified& event = random_.one_of(identified_);
  if (event.number < record_.oldest()) return;
  // Where a topic has begun anew since, it would be another event.
  for (const std::string& topic : event.topics) {
    bool is_over = false;
    for (std::size_t i = event.number; i < record_.entries().size(); ++i) {
      const Entry& entry = record_.entries()[i];
      if (std::count(entry.topics.begin(), entry.topics.end(), topic) == 0) continue;
      if (entry.kind == Entry::Kind::kFinish) is_over = true;
      if (entry.kind != Entry::Kind::kFinish && is_over) return;
    }
  }
  std::vector<Topic> topics;
  for (const std::string& topic : event.topics) topics.push_back(*Topic::parse(topic));
  const std::uint64_t number = record_.next_number();
  record_.expect_nothing();
  const Published published = server_.hub().publish(topics, {.data = "again", .id = *EventId::parse(event.id)});
  if (appended(published, number) != Appended::kYes) return;
  if (!published.is_repeated() || published.id != event.id || record_.next_number() != number) {
    throw Broken("an event that was published again was taken for another");
  }
}

void Life::finish() {
  const std::string& topic = random_.one_of(topics_);
  if (is_job(topic)) finish(topic);
}

void Life::finish(const std::string& topic) {
  tell(topic + " is finished, as entry " + std::to_string(record_.next_number()));
  publish_mark(topic, Entry::Kind::kFinish);
}

void Life::begin() {
  const std::string& topic = random_.one_of(topics_);
  if (!is_job(topic)) return;
  if (random_.chance(50)) finish(topic);
  tell(topic + " begins anew, if it was finished");
  publish_mark(topic, Entry::Kind::kBegin);
}

void Life::publish_mark(const std::string& topic, Entry::Kind kind) {
  const std::uint64_t number = record_.next_number();
  record_.expect_mark(kind);
  const Topic name = *Topic::parse(topic);
  appended(kind == Entry::Kind::kFinish ? server_.hub().finish(name) : server_.hub().begin(name), number);
  look_at_jobs();
}

}  // namespace millrace::simulation
