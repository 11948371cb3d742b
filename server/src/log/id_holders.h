// Finds a publisher's ID: in an index of its holders, which are the topics and publishers with an event of this ID, in
// byte order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/owned.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

struct IdHolder {
  OwnedTopic topic;
  std::string publisher;
  std::uint64_t sequence = 0;  ///< of its newest event
};

/// The ID's first holder from this place on, in the order of topics, then publishers.
using NextHolder = std::function<std::optional<IdHolder>(std::string_view topic, std::string_view publisher)>;

/// The oldest of the holders' events among the topics that match; nothing if there is none, or if it takes more than
/// kMaxIdHolders looks to tell. Holders of topics that do not match are passed over by their common beginnings, so that
/// they cost next to nothing however many they are.
std::optional<std::uint64_t> oldest_holder(const TopicFilter& filter, const NextHolder& next);

/// A text beyond `topic`, which does not match, such that no topic in between matches the pattern either; nothing if
/// none does from there on.
std::optional<std::string> next_candidate(std::string_view pattern, std::string_view topic);

}  // namespace millrace
