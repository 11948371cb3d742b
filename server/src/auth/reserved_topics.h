// Which subscriptions are to reserved topics, such as presence: those need their own right.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "millrace/core/topic.h"

namespace millrace {

/// `topics` are patterns; what is none is no topic of Millrace's either.
inline bool any_is_reserved(const std::vector<std::string>& topics) {
  return std::any_of(topics.begin(), topics.end(), [](const std::string& topic) {
    const auto pattern = TopicPattern::parse(topic);
    return pattern && pattern->is_reserved();
  });
}

}  // namespace millrace
