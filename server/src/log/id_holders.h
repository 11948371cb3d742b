// Finds a publisher's ID in an index of its holders: the topics and publishers with an event of this ID, in byte order.
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
  std::uint64_t sequence = 0;  ///< of the holder's newest event
};

/// Returns the ID's first holder from this topic and publisher on, ordered by topic, then publisher.
using NextHolder = std::function<std::optional<IdHolder>(std::string_view topic, std::string_view publisher)>;

/// The oldest event of the holders whose topics match; nothing without one, or if finding it takes more than
/// kMaxIdHolders steps. Skips holders of other topics by common prefixes, so that they cost almost nothing, whatever
/// their number.
std::optional<std::uint64_t> oldest_holder(const TopicFilter& filter, const NextHolder& next);

/// A text after `topic`, which does not match, such that no topic in between matches the pattern either; nothing if no
/// later topic matches.
std::optional<std::string> next_candidate(std::string_view pattern, std::string_view topic);

}  // namespace millrace
