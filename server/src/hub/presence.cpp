#include "presence.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/protocol.h"
#include "millrace/server/limits.h"

namespace millrace {

namespace {

using nlohmann::json;

// Memory of an entry and of a listener besides their texts.
constexpr std::size_t kEntryBytes = 384;
constexpr std::size_t kListenerBytes = 192;

// Bounds of one read(): bytes after which it ends, and entries that it checks.
constexpr std::size_t kPageBytes = 64 * 1024;
constexpr std::size_t kLookedAt = 1'024;

constexpr std::string_view kReset = R"({"reset":true})";

std::string dump(const json& value) {
  // Names come from outside and need not be UTF-8.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The listener as it is counted: by user, otherwise by client name, otherwise anonymous.
Presence::Listener counted_as(const Presence::Listener& listener) {
  const auto named = [](const std::string& name) { return !name.empty() && name.size() <= kMaxClientNameBytes; };
  if (named(listener.user)) return {.user = listener.user, .client = {}};
  if (listener.user.empty() && named(listener.client)) return {.user = {}, .client = listener.client};
  return {};
}

bool is_named(const Presence::Listener& listener) {
  return !listener.user.empty() || !listener.client.empty();
}

std::size_t bytes_of(const Presence::Listener& listener) {
  return kListenerBytes + listener.user.size() + listener.client.size();
}

std::size_t bytes_of(std::string_view pattern) {
  return kEntryBytes + 2 * pattern.size();
}

// The topic on which a pattern is reported: its own; for patterns with wildcards or of too great length, a common one.
OwnedTopic topic_for(std::string_view pattern) {
  return OwnedTopic::parse(std::string(protocol::kPresenceEventType).append("/").append(pattern))
      .value_or(OwnedTopic(Topic("millrace.presence")));
}

// The topic whose presence a pattern selects; empty if it selects no presence, or that of several topics.
std::string_view subject_of(const TopicPattern& wanted) {
  const std::string_view pattern = wanted.view();
  const std::string_view prefix = protocol::kPresenceEventType;
  if (!pattern.starts_with(prefix) || pattern.size() <= prefix.size() + 1 || pattern[prefix.size()] != '/') return {};
  return pattern.find('*') == std::string_view::npos ? pattern.substr(prefix.size() + 1) : std::string_view();
}

bool is_about_presence(const TopicPattern& wanted) {
  const std::string_view pattern = wanted.view();
  const std::string_view prefix = protocol::kPresenceEventType;
  return pattern.starts_with(prefix) && (pattern.size() == prefix.size() || pattern[prefix.size()] == '/');
}

// Names in one event, as JSON.
class Names {
 public:
  // `budget`: the bytes left for all names of the event.
  void add(const Presence::Listener& listener, std::string_view note, std::size_t& budget) {
    if (budget == 0) {
      ++unnamed_;
      return;
    }
    json object = json::object();
    if (!listener.user.empty()) object["user"] = listener.user;
    if (!listener.client.empty()) object["client"] = listener.client;
    std::string text = dump(object);
    if (!note.empty()) text.insert(1, R"("note":)" + std::string(note) + ",");
    if (text.size() + 1 > budget) {
      budget = 0;
      ++unnamed_;
      return;
    }
    budget -= text.size() + 1;
    if (!text_.empty()) text_.append(",");
    text_.append(text);
  }
  std::string array() const { return "[" + text_ + "]"; }
  std::size_t unnamed() const { return unnamed_; }

 private:
  std::string text_;
  std::size_t unnamed_ = 0;
};

std::string data_of(std::string_view pattern, std::size_t subscribers, const Names& joined, const Names& left,
                    bool is_state) {
  std::string data = R"({"joined":)" + joined.array() + R"(,"left":)" + left.array();
  if (is_state) data.append(R"(,"state":true)");
  data.append(R"(,"subscribers":)" + std::to_string(subscribers));
  data.append(R"(,"topic":)" + dump(json(pattern)));
  if (const std::size_t unnamed = joined.unnamed() + left.unnamed(); unnamed > 0) {
    data.append(R"(,"unnamed":)" + std::to_string(unnamed));
  }
  return data.append("}");
}

}  // namespace

// --- Subscriptions --------------------------------------------------------------------------------------------------

Presence::Joined Presence::join(const TopicFilter& filter, const Listener& listener, std::string_view note) {
  const Listener counted = counted_as(listener);
  const MutexLock lock(mutex_);
  std::size_t needed = 0;
  for (const TopicPattern& pattern : filter.patterns()) needed += cost(pattern.view(), counted, note);
  // Counts all patterns or none, because leave() discounts all.
  if (bytes_ + needed > bounds_.bytes) {
    ++not_reported_;
    return {};
  }
  for (const TopicPattern& pattern : filter.patterns()) {
    if (!pattern.is_reserved()) count(entry_of(pattern.view()), counted, true, note);
  }
  return {.is_counted = true, .asks = ask()};
}

bool Presence::leave(const TopicFilter& filter, const Listener& listener) {
  const Listener counted = counted_as(listener);
  const MutexLock lock(mutex_);
  for (const TopicPattern& pattern : filter.patterns()) {
    if (const auto place = entries_.find(pattern.view()); place != entries_.end()) count(place->second, counted, false);
  }
  return ask();
}

// Bytes that a subscription adds, at most.
std::size_t Presence::cost(std::string_view pattern, const Listener& listener, std::string_view note) const {
  const auto place = entries_.find(pattern);
  const bool is_new = place == entries_.end() || !place->second.listeners.contains(listener);
  return (place == entries_.end() ? bytes_of(pattern) : 0) +
         (is_named(listener) ? (is_new ? bytes_of(listener) : 0) + note.size() : 0);
}

Presence::Entry& Presence::entry_of(std::string_view pattern) {
  const auto [place, is_new] = entries_.try_emplace(std::string(pattern), topic_for(pattern));
  Entry& entry = place->second;
  if (is_new) {
    entry.pattern = place->first;
    bytes_ += bytes_of(pattern);
  }
  return entry;
}

void Presence::count(Entry& entry, const Listener& listener, bool joins, std::string_view note) {
  joins ? ++entry.subscribers : --entry.subscribers;
  mark(entry);
  if (!is_named(listener)) return;
  const auto [place, is_new] = entry.listeners.try_emplace(listener);
  if (is_new) {
    bytes_ += bytes_of(listener);
    ++listeners_;
  }
  Count& names = place->second;
  joins ? ++names.subscriptions : --names.subscriptions;
  if (!note.empty() && names.note != note) {
    bytes_ += note.size();
    bytes_ -= names.note.size();
    names.note = note;
    names.has_new_note = true;
  }
  if (!std::exchange(names.is_changed, true)) entry.changed.push_back(place);
}

void Presence::mark(Entry& entry) {
  if (!std::exchange(entry.is_pending, true)) pending_.push_back(&entry);
}

bool Presence::ask() {
  return !pending_.empty() && !std::exchange(is_asked_, true);
}

bool Presence::report() {
  const MutexLock lock(mutex_);
  std::size_t bytes = 0;
  for (std::size_t looked_at = 0; !pending_.empty() && bytes < kPresenceIntervalBytes && looked_at < kLookedAt;
       ++looked_at) {
    Entry& entry = *pending_.front();
    pending_.pop_front();
    entry.is_pending = false;
    bytes += report(entry);
  }
  bound_changes();
  if (bytes > 0) {
    for (Sink* sink : sinks_) sink->on_presence();
  }
  if (pending_.empty()) is_asked_ = false;
  return pending_.empty();
}

// Returns the bytes of the report; 0 if nothing has changed.
std::size_t Presence::report(Entry& entry) {
  Names joined;
  Names left;
  std::size_t budget = kPresenceEventBytes;
  bool has_changed = entry.subscribers != entry.reported;
  for (const auto& place : entry.changed) {
    Count& names = place->second;
    const bool is_present = names.subscriptions > 0;
    if (is_present != names.is_reported || (is_present && names.has_new_note)) {
      (is_present ? joined : left).add(place->first, is_present ? names.note : std::string_view(), budget);
      has_changed = true;
    }
    names.is_reported = is_present;
    names.has_new_note = false;
    names.is_changed = false;
    if (is_present) continue;
    bytes_ -= bytes_of(place->first) + names.note.size();
    --listeners_;
    entry.listeners.erase(place);
  }
  entry.changed = {};
  entry.reported = entry.subscribers;
  if (!has_changed) {
    if (entry.subscribers == 0 && entry.version == 0) erase(entry);
    return 0;
  }
  std::string data = data_of(entry.pattern, entry.subscribers, joined, left, false);
  const std::size_t bytes = data.size();
  file(entry, std::move(data));
  return bytes;
}

// Gives the entry the next version.
void Presence::file(Entry& entry, std::string change) {
  if (entry.change != nullptr) changes_bytes_ -= entry.change->size();
  if (entry.version != 0) by_version_.erase(entry.version);
  entry.previous = std::exchange(entry.version, ++version_);
  by_version_.emplace(entry.version, &entry);
  ++events_;
  changes_bytes_ += change.size();
  entry.change = std::make_shared<const std::string>(std::move(change));
  if (entry.subscribers > 0) return;
  gone_.emplace_back(entry.version, bytes_of(entry.pattern));
  gone_bytes_ += gone_.back().second;
}

// Drops changes kept for slow subscribers, oldest first: they get the state instead.
void Presence::bound_changes() {
  for (auto place = by_version_.lower_bound(changes_from_);
       changes_bytes_ > bounds_.changes_bytes && place != by_version_.end(); ++place) {
    Entry& entry = *place->second;
    changes_from_ = place->first + 1;
    if (entry.change == nullptr) continue;
    changes_bytes_ -= entry.change->size();
    entry.change = nullptr;
  }
  while (gone_bytes_ > bounds_.changes_bytes && !gone_.empty()) {
    const auto [version, bytes] = gone_.front();
    const auto place = by_version_.find(version);
    const bool is_there = place != by_version_.end();  // otherwise it has had listeners since
    if (is_there && place->second->is_pending) break;  // the next report decides
    gone_.pop_front();
    gone_bytes_ -= bytes;
    if (!is_there) continue;
    forgotten_ = version;
    erase(*place->second);
  }
}

void Presence::erase(Entry& entry) {
  if (entry.change != nullptr) changes_bytes_ -= entry.change->size();
  if (entry.version != 0) by_version_.erase(entry.version);
  bytes_ -= bytes_of(entry.pattern);
  entries_.erase(entries_.find(entry.pattern));
}

void Presence::reset() {
  const MutexLock lock(mutex_);
  pending_.clear();
  by_version_.clear();
  gone_.clear();
  entries_.clear();
  forgotten_ = ++version_;
  changes_bytes_ = gone_bytes_ = bytes_ = listeners_ = 0;
  is_asked_ = false;
}

// --- Watches --------------------------------------------------------------------------------------------------------

void Presence::attach(Sink& sink) {
  const MutexLock lock(mutex_);
  sinks_.push_back(&sink);
}

void Presence::detach(Sink& sink) {
  const MutexLock lock(mutex_);
  std::erase(sinks_, &sink);
}

bool Presence::concerns(const TopicFilter& filter) {
  return std::any_of(filter.patterns().begin(), filter.patterns().end(), is_about_presence);
}

Presence::Page Presence::read(Watch& watch) const {
  const MutexLock lock(mutex_);
  Page page;
  if (!watch.has_begun_ || watch.complete_at_ < forgotten_) begin(watch, page);
  std::size_t bytes = 0;
  read_topics(watch, page, bytes);
  std::size_t looked_at = 0;
  for (auto place = by_version_.upper_bound(watch.seen_); !page.has_more && place != by_version_.end(); ++place) {
    if (bytes >= kPageBytes || ++looked_at > kLookedAt) {
      page.has_more = true;
      return page;
    }
    watch.seen_ = place->first;
    const Entry& entry = *place->second;
    // The topic had no listeners when the watch began.
    if (watch.is_first_ && entry.reported == 0 && entry.version <= watch.complete_at_) continue;
    if (!watch.filter->matches(entry.topic)) continue;
    // A change is meaningful only to a watch that was complete before it.
    const bool follows = !watch.is_first_ && entry.change != nullptr && entry.previous <= watch.complete_at_;
    page.events.push_back(follows ? *entry.change : state_of(entry));
    bytes += page.events.back().size();
  }
  if (page.has_more) return page;
  watch.is_first_ = false;
  watch.seen_ = watch.complete_at_ = version_;
  return page;
}

// Begins with the state; also again, if the watch has missed that a topic lost its listeners.
void Presence::begin(Watch& watch, Page& page) const {
  watch.has_begun_ = true;
  watch.is_first_ = true;
  watch.next_topic_ = 0;
  watch.complete_at_ = version_;
  const std::vector<TopicPattern>& patterns = watch.filter->patterns();
  const bool names_topics = std::all_of(patterns.begin(), patterns.end(), [](const TopicPattern& pattern) {
    return !is_about_presence(pattern) || !subject_of(pattern).empty();
  });
  // A watch that names its topics gets the state of each, also without listeners. Any other gets all entries, page by
  // page.
  watch.seen_ = names_topics ? version_ : 0;
  if (names_topics) return;
  watch.next_topic_ = patterns.size();
  page.events.emplace_back(kReset);
}

// The state of topics that the watch names.
void Presence::read_topics(Watch& watch, Page& page, std::size_t& bytes) const {
  const std::vector<TopicPattern>& patterns = watch.filter->patterns();
  while (watch.next_topic_ < patterns.size()) {
    if (bytes >= kPageBytes) {
      page.has_more = true;
      return;
    }
    const std::string_view subject = subject_of(patterns[watch.next_topic_++]);
    if (subject.empty()) continue;
    const auto place = entries_.find(subject);
    page.events.push_back(place != entries_.end() ? state_of(place->second) : data_of(subject, 0, {}, {}, true));
    bytes += page.events.back().size();
  }
}

// The state as last reported, or the current one.
std::string Presence::state_of(const Entry& entry, bool as_reported) {
  Names present;
  std::size_t budget = kPresenceEventBytes;
  for (const auto& [listener, names] : entry.listeners) {
    if (as_reported ? names.is_reported : names.subscriptions > 0) present.add(listener, names.note, budget);
  }
  return data_of(entry.pattern, as_reported ? entry.reported : entry.subscribers, present, {}, true);
}

std::string Presence::look(Topic topic) const {
  const MutexLock lock(mutex_);
  const auto place = entries_.find(topic.view());
  return place != entries_.end() ? state_of(place->second, false) : data_of(topic.view(), 0, {}, {}, true);
}

Presence::Statistics Presence::statistics() const {
  const MutexLock lock(mutex_);
  return {.topics = entries_.size(),
          .listeners = listeners_,
          .bytes = bytes_ + changes_bytes_,
          .events = events_,
          .not_reported = not_reported_};
}

}  // namespace millrace
