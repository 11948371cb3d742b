#include "view.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/protocol.h"

namespace millrace::simulation {

View::View(Record& record, std::string name, std::vector<std::string> patterns, bool latest, bool is_conflated)
    : record_(record),
      name_(std::move(name)),
      patterns_{{0, std::move(patterns)}},
      latest_(latest),
      is_conflated_(is_conflated) {}

void View::begins(std::uint64_t state_until, std::uint64_t forgiven) {
  state_until_ = state_until;
  forgiven_ = forgiven;
}

// Where it begins that has no ID yet. What it hears first may be of a log that has been lost meanwhile.
std::uint64_t View::beginning(std::uint64_t otherwise) const {
  const bool is_all = sent_id_ == protocol::kEarliest || sent_id_ == protocol::kLatest;
  return is_all ? std::min(record_.place_of(std::uint64_t{0}), otherwise) : otherwise;
}

// What it wants and was not sent. Gone without a word it may not be, but where the stream has said so.
bool View::may_skip(std::uint64_t number) const {
  const std::vector<std::string> topics = wanted(number);
  const auto is_wanted = [&](const std::string& topic) { return std::count(topics.begin(), topics.end(), topic) > 0; };
  if (number < forgiven_ && !record_.is_held(number, is_wanted)) return true;
  // For each topic by itself.
  return std::all_of(topics.begin(), topics.end(), [&](const std::string& topic) {
    const bool has_newer = record_.has_newer(number, topic);
    if (is_conflated_ && has_newer) return true;
    return latest_ && number < state_until_ && (has_newer || record_.is_finished_after(number, topic));
  });
}

void View::broken(const std::string& what) const {
  throw Broken(name_ + ": " + what);
}

bool View::match(const Patterns& patterns, const std::string& topic) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return TopicPattern::parse(pattern)->matches(*Topic::parse(topic));
  });
}

std::vector<std::string> View::wanted(std::uint64_t number) const {
  auto of = patterns_.rbegin();
  while (of->first > number) ++of;
  std::vector<std::string> topics;
  for (const std::string& topic : record_.entries()[number].topics) {
    if (match(of->second, topic)) topics.push_back(topic);
  }
  return topics;
}

bool View::wants(std::uint64_t number) const {
  return !wanted(number).empty();
}

void View::changes(std::uint64_t place, std::vector<std::string> patterns, const std::vector<std::string>& added) {
  if (!added.empty()) {
    if (!adding_) adding_.emplace();
    adding_->until = std::max(adding_->until, place);
    adding_->patterns.insert(adding_->patterns.end(), added.begin(), added.end());
    adding_->befores.resize(adding_->patterns.size(), place);
  }
  while (patterns_.size() > 1 && patterns_.back().first >= place) patterns_.pop_back();
  patterns_.emplace_back(place, std::move(patterns));
}

// An event of a topic that was added, from before the stream's place, to which it comes back afterwards.
bool View::is_added_state(std::uint64_t number) const {
  if (!adding_ || number >= adding_->until) return false;
  const std::vector<std::string>& topics = record_.entries()[number].topics;
  const bool is_added = std::any_of(topics.begin(), topics.end(),
                                    [&](const std::string& topic) { return match(adding_->patterns, topic); });
  return is_added && (!wants(number) || (seen_ && number < *seen_));
}

bool View::was_added_unfinished(std::uint64_t number, const std::string& topic) const {
  for (std::size_t i = 0; i < adding_->patterns.size(); ++i) {
    const bool matches = match({adding_->patterns[i]}, topic);
    if (matches && !record_.is_finished_after(number, topic, adding_->befores[i])) return true;
  }
  return false;
}

void View::connect(std::string_view last_event_id) {
  sent_id_ = last_event_id;
  entries_at_connect_ = record_.next_number();
  if (last_event_id == protocol::kLatest) seen_.reset();  // from the beginning
  // It asks for what it wants now; and if it was in the state of what was added, for all that is behind that.
  patterns_ = {{0, Patterns(patterns())}};
  const auto place = record_.place_of(last_event_id);
  if (std::exchange(adding_, std::nullopt) && place && seen_) seen_ = std::min(*seen_, *place);
}

void View::event(const MessageEvent& event) {
  if (event.type == protocol::kGapEventType) return gap(event);
  std::uint64_t number = 0;
  std::from_chars(event.data.data(), event.data.data() + event.data.size(), number);
  if (number >= record_.next_number()) broken("an event that was not published: " + std::string(event.data));
  const Entry& entry = record_.entries()[number];
  const std::string what = "event " + std::to_string(number);
  if (entry.kind != Entry::Kind::kEvent || event.data != data_of(number, entry.size)) broken(what + " has other data");
  if (event.type != entry.type) broken(what + " has another type: " + std::string(event.type));
  if (event.last_event_id != entry.id) broken(what + " has another ID: " + std::string(event.last_event_id));
  if (is_added_state(number)) {
    if (std::none_of(entry.topics.begin(), entry.topics.end(),
                     [&](const std::string& topic) { return was_added_unfinished(number, topic); })) {
      broken(what + " is added, though its topic is finished");
    }
    for (const std::string& topic : entry.topics) {
      std::uint64_t& last = last_.try_emplace(topic, number).first->second;
      last = std::max(last, number);
    }
    return;
  }
  if (adding_ && number >= adding_->until) adding_.reset();
  if (!wants(number)) broken(what + " was never asked for");
  const std::vector<std::string> topics = wanted(number);
  if (number < state_until_ && std::all_of(topics.begin(), topics.end(), [&](const std::string& topic) {
        return record_.is_finished_after(number, topic, state_until_);
      })) {
    broken(what + " is in the state, though its topic is finished");
  }
  // The first cursor has come in the same piece, and is not seen here.
  if (!seen_) seen_ = beginning(number);
  if (number < *seen_) broken(what + " comes twice, or out of order");
  skip_to(number);
  seen_ = number + 1;
  for (const std::string& topic : topics) last_[topic] = number;
}

void View::gap(const MessageEvent& event) {
  const auto json = nlohmann::json::parse(event.data);
  const std::string reason = json.at("reason");
  const std::string id = json.at("lastEventId");
  if (reason == "unknown") {
    // A publisher's ID counts in the topics that the request asks for; the stream may have others since.
    const auto is_asked = [&](const std::string& topic) { return match(patterns_.front().second, topic); };
    if (id != sent_id_ || record_.is_known(id, is_asked)) broken("a gap of unknown ID, where it was known: " + id);
  } else if (reason == "expired") {
    const auto place = record_.place_of(id);
    if (!place || *place >= record_.oldest()) broken("a gap where nothing was lost behind " + id);
    if (!seen_) seen_ = place;  // its first cursor has come in the same piece
  } else {
    broken("a gap for no reason");
  }
  const auto place = record_.place_of(event.last_event_id);
  // Where nobody knows how far it was, it may get what it has had.
  if (place && seen_ && reason == "unknown") seen_ = std::min(*seen_, *place);
  if (!place || !seen_ || *place < *seen_) broken("a gap that does not go on from a place behind it");
  forgive(*place);
  seen_ = *place;
  forgiven_ = std::max(forgiven_, record_.oldest());
}

void View::cursor(std::string_view last_event_id) {
  const auto place = record_.place_of(last_event_id);
  if (!place) return;                               // none yet, or the word for the earliest
  if (adding_ && seen_ && *place < *seen_) return;  // of an event of what was added
  if (*place > record_.next_number()) broken("a cursor beyond the log: " + std::string(last_event_id));
  if (!seen_) {
    if (sent_id_.empty() && *place < entries_at_connect_) broken("begins before it has asked");
    // Several cursors may have come in one piece.
    seen_ = beginning(*place);
  }
  if (*place < *seen_) broken("its cursor has gone back to " + std::string(last_event_id));
  skip_to(*place);
}

// Whatever it wants below `number`, and has not seen, is missing. No cursor may pass that but a gap's.
void View::skip_to(std::uint64_t number) {
  for (std::uint64_t i = *seen_; i < number; ++i) {
    const Entry& entry = record_.entries()[i];
    if (entry.kind != Entry::Kind::kEvent || !wants(i) || may_skip(i)) continue;
    broken("event " + std::to_string(i) + " of " + entry.topics.front() + " was skipped" +
           (record_.is_held(i) ? ", though the log has it" : " without a word"));
  }
  seen_ = number;
}

// The listener got a gap up to `number`: all events below must have left the log.
void View::forgive(std::uint64_t number) {
  for (std::uint64_t i = *seen_; i < number; ++i) {
    if (record_.entries()[i].kind != Entry::Kind::kEvent && i < record_.oldest()) continue;
    const std::vector<std::string> topics = wanted(i);
    const auto is_wanted = [&](const std::string& topic) {
      return std::count(topics.begin(), topics.end(), topic) > 0;
    };
    if (!topics.empty() && record_.is_held(i, is_wanted))
      broken("event " + std::to_string(i) + " was given up, though the log has it");
  }
}

void View::told_that_it_is_over(std::uint64_t entries_then, std::uint64_t place) const {
  const auto& entries = record_.entries();
  const std::uint64_t seen = seen_.value_or(place);
  const auto is_finished = [&](const std::string& topic) {
    std::uint64_t last = entries_then;
    const auto has = [&](const Entry& entry) {
      return std::count(entry.topics.begin(), entry.topics.end(), topic) > 0;
    };
    while (last > 0 && !has(entries[last - 1])) --last;
    return last > 0 && entries[last - 1].kind == Entry::Kind::kFinish;
  };
  // The state, which it gets in place of what the log has lost, has no finished topic.
  if (latest_ && seen < record_.oldest() && std::all_of(patterns().begin(), patterns().end(), is_finished)) return;
  if (patterns().size() == 1) {
    // What it has seen ends with a finish, or the next there is for it is one.
    for (std::uint64_t i = std::min(seen, entries_then); i-- > 0;) {
      if (!wants(i)) continue;
      if (entries[i].kind == Entry::Kind::kFinish) return;
      break;
    }
    for (std::uint64_t i = seen; i < entries_then; ++i) {
      if (!wants(i)) continue;
      if (entries[i].kind == Entry::Kind::kFinish) return;
      if (entries[i].kind == Entry::Kind::kEvent) broken("the end was reported before event " + std::to_string(i));
    }
    broken("the end was reported, but the topic was not finished");
  }
  for (const std::string& topic : patterns()) {
    if (!is_finished(topic)) broken("the end was reported, but " + topic + " is not");
  }
  for (std::uint64_t i = seen; i < entries_then; ++i) {
    if (entries[i].kind == Entry::Kind::kEvent && wants(i))
      broken("the end was reported before event " + std::to_string(i));
  }
}

void View::at_rest() const {
  for (std::uint64_t i = seen_.value_or(record_.next_number()); i < record_.next_number(); ++i) {
    const Entry& entry = record_.entries()[i];
    if (entry.kind == Entry::Kind::kEvent && wants(i)) broken("never got event " + std::to_string(i));
  }
  if (!latest_) return;
  // What it has got, folded by topic, is the log, folded by topic.
  for (const auto& [topic, number] : record_.newest()) {
    const auto is_it = [&](const std::string& one) { return one == topic; };
    if (!match(patterns(), topic) || !record_.is_held(number, is_it)) continue;
    if (record_.is_finished_after(number, topic)) continue;
    const auto last = last_.find(topic);
    if (last == last_.end() || last->second != number) broken("has not the state of " + topic);
  }
}

}  // namespace millrace::simulation
