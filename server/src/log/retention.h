// RetentionCheck: whether publications appended together fit into the bounds of retained events.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/server/publication.h"

namespace millrace {

inline std::string too_many_retained_topics(std::size_t most) {
  return "retain: the server retains the newest events of " + std::to_string(most) +
         " topics, its limit; finish topics that are over";
}

inline std::string too_many_retained_bytes(std::size_t most) {
  return "retain: the event does not fit into the " + std::to_string(most) +
         " bytes of retained events, the server's limit; finish topics that are over, or retain less";
}

class RetentionCheck {
 public:
  struct Bounds {
    std::size_t topics;
    std::size_t bytes;
  };

  /// `topics` and `bytes`: retained already.
  RetentionCheck(std::size_t topics, std::size_t bytes, const Bounds& bounds)
      : topics_(topics), bytes_(bytes), bounds_(bounds) {}

  /// Checks the next publication, which is new. Calls `cost` for the bytes of the publication if it is retained, and
  /// `before(topic)` for the bytes that a topic retains so far (0: none). Returns why it does not fit, as a sentence.
  /// An event of several topics counts for each.
  template <typename Cost, typename Before>
  std::optional<std::string> add(const Publication& publication, const Cost& cost, const Before& before) {
    if (publication.kind == Publication::Kind::kBegin) return std::nullopt;
    const bool is_retained = publication.kind == Publication::Kind::kEvent && publication.retain;
    const std::size_t own = is_retained ? cost() : 0;
    for (std::size_t i = 0; i < publication.topic_count(); ++i) {
      const Topic topic = publication.topic_at(i);
      const auto [place, is_first] = costs_.try_emplace(std::string(topic.view()), 0);
      std::size_t& retained = place->second;
      if (is_first) retained = before(topic);
      if (retained > 0) --topics_;
      bytes_ -= retained;
      retained = own;
      bytes_ += own;
      if (is_retained) ++topics_;
    }
    if (!is_retained) return std::nullopt;
    if (topics_ > bounds_.topics) return too_many_retained_topics(bounds_.topics);
    if (bytes_ <= bounds_.bytes) return std::nullopt;
    return too_many_retained_bytes(bounds_.bytes);
  }

 private:
  std::size_t topics_;
  std::size_t bytes_;
  const Bounds bounds_;
  std::map<std::string, std::size_t, std::less<>> costs_;  // of the topics checked so far
};

}  // namespace millrace
