// TopicChange: other topics for an open event stream, which its client names.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "millrace/server/topic_filter.h"

namespace millrace {

/// A stream's name among those of its user, which is empty if unknown.
struct StreamName {
  std::string user;
  std::string client;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in a comparison made of this one for a pointer.
  auto operator<=>(const StreamName&) const = default;
};

/// An open stream whose client may change its topics.
struct NamedStream {
  std::shared_ptr<const TopicFilter> filter;
  std::uint64_t opening = 0;  ///< its number among the openings of all such streams
};

struct TopicChange {
  StreamName name;
  std::uint64_t opening = 0;                ///< that of the stream: another may have its name by now
  std::shared_ptr<const TopicFilter> from;  ///< its topics: if they are others by now, it stays as it is
  std::shared_ptr<const TopicFilter> to;
  std::shared_ptr<const TopicFilter> with_state;  ///< of these, the newest event of each topic comes first; may be null
  std::uint64_t asked_in = 0;                     ///< the round of rights in which the change was allowed
  std::optional<std::chrono::system_clock::time_point> until = {};  ///< when the right to it ends
};

}  // namespace millrace
