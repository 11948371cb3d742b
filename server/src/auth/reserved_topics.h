// Finds subscriptions to reserved topics, such as presence, which need their own right.
#pragma once

#include <algorithm>

#include "millrace/server/topic_patterns.h"

namespace millrace {

inline bool any_is_reserved(const TopicPatterns& topics) {
  return std::any_of(topics.begin(), topics.end(),
                     [](const OwnedTopicPattern& pattern) { return pattern.get().is_reserved(); });
}

}  // namespace millrace
