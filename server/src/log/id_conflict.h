// Whether a publisher's ID can be used for an event of several topics.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "millrace/server/publication.h"

namespace millrace {

/// The sentence of the IdConflict of this publication, whose ID is in use in the topic.
inline std::string id_conflict(const Publication& publication, Topic topic) {
  return "id: \"" + std::string(publication.event.id.view()) + "\" is in use in topic \"" + std::string(topic.view()) +
         "\" for an event with other topics; use another ID, or publish to the same topics";
}

/// Why one of the publications cannot be appended, as a sentence; nothing if all can. `find(publication, topic)`: the
/// sequence of the event with the publication's ID in the topic, as EventStore::append() looks for it, or nothing.
template <typename Find>
std::optional<std::string> id_conflict(std::span<const Publication> publications, const Find& find) {
  for (const Publication& one : publications) {
    if (one.further_topics.empty() || one.event.id.empty()) continue;
    const auto first = find(one, one.topic);
    for (const Topic topic : one.further_topics) {
      if (find(one, topic) != first) return id_conflict(one, first ? one.topic : topic);
    }
  }
  return std::nullopt;
}

}  // namespace millrace
