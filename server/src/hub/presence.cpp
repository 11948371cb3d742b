#include "presence.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

using nlohmann::json;

json json_of(const Presence::Listener& listener) {
  json object = json::object();
  if (!listener.user.empty()) object["user"] = listener.user;
  if (!listener.client.empty()) object["client"] = listener.client;
  return object;
}

bool has_name(const Presence::Listener& listener) {
  const auto fits = [](const std::string& name) { return name.size() <= kMaxClientNameBytes; };
  return (!listener.user.empty() || !listener.client.empty()) && fits(listener.user) && fits(listener.client);
}

// Where presence on a pattern is told: with the topic, or for a pattern that is none (or too long), for all of those.
OwnedTopic topic_for(const std::string& pattern) {
  return OwnedTopic::parse(std::string(protocol::kPresenceEventType) + "/" + pattern)
      .value_or(OwnedTopic(Topic("millrace.presence")));
}

}  // namespace

bool Presence::change(const TopicFilter& filter, const Listener& listener, int by) {
  const std::lock_guard lock(mutex_);
  for (const TopicPattern& each : filter.patterns()) {
    if (each.is_reserved()) continue;
    const std::string pattern(each.view());
    const auto [place, is_new] = entries_.try_emplace(pattern);
    Entry& entry = place->second;
    entry.subscribers += static_cast<std::size_t>(by);  // of -1: one less
    if (has_name(listener) && (entry.listeners.size() < kMaxPresenceNames || entry.listeners.contains(listener))) {
      if ((entry.listeners[listener] += by) == 0) entry.listeners.erase(listener);
    }
    if (entry.is_pending) continue;
    if (pending_.size() < kMaxPendingPresence) {
      pending_.push_back(pattern);
      entry.is_pending = true;
    } else {
      // Not told now; the next change tells how many there are.
      entry.listeners.clear();
      if (entry.subscribers == 0) entries_.erase(place);
    }
  }
  return !pending_.empty() && !std::exchange(is_asked_, true);
}

std::vector<Presence::Change> Presence::take(bool& is_all) {
  const std::lock_guard lock(mutex_);
  std::vector<Change> changes;
  while (!pending_.empty() && changes.size() < kMaxPresenceEvents) {
    const auto place = entries_.find(pending_.front());
    pending_.pop_front();
    Entry& entry = place->second;
    if (entry.subscribers != entry.told || !entry.listeners.empty()) {
      changes.push_back({.topic = topic_for(place->first), .data = data_of(place->first, entry)});
    }
    entry.told = entry.subscribers;
    entry.listeners.clear();
    entry.is_pending = false;
    if (entry.subscribers == 0) entries_.erase(place);
  }
  is_all = pending_.empty();
  if (is_all) is_asked_ = false;
  return changes;
}

std::string Presence::data_of(const std::string& pattern, const Entry& entry) {
  json joined = json::array();
  json left = json::array();
  for (const auto& [listener, count] : entry.listeners) (count > 0 ? joined : left).push_back(json_of(listener));
  const json data = {
      {"topic", pattern}, {"subscribers", entry.subscribers}, {"joined", std::move(joined)}, {"left", std::move(left)}};
  // Names come from outside and need not be UTF-8.
  return data.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace millrace
