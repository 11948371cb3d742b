// StreamNames: the open streams of all loops whose clients may change their topics, by the names that these gave them.
// So a change asks only the loop that has the stream. Any thread; a stream is used on the thread of its loop alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mutex.h"

namespace millrace {

class ConnectionLoop;
class StreamSide;

class StreamNames {
 public:
  struct Named {
    ConnectionLoop* loop = nullptr;
    StreamSide* stream = nullptr;  ///< open as long as its loop's thread does nothing else
    std::uint64_t opening = 0;     ///< its number among the openings of all such streams
  };

  /// Returns the number of the opening.
  std::uint64_t add(std::string_view name, ConnectionLoop& loop, StreamSide& stream) {
    const MutexLock lock(mutex_);
    const std::uint64_t opening = ++openings_;
    streams_.emplace(std::pair(std::string(name), opening), Named{&loop, &stream, opening});
    return opening;
  }

  void remove(std::string_view name, std::uint64_t opening) {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(Key(name, opening));
    if (found != streams_.end()) streams_.erase(found);
  }

  /// The newest that has the name.
  std::optional<Named> newest(std::string_view name) const {
    const MutexLock lock(mutex_);
    auto next = streams_.upper_bound(Key(name, UINT64_MAX));
    if (next == streams_.begin() || (--next)->first.first != name) return std::nullopt;
    return next->second;
  }

  /// That of this opening.
  std::optional<Named> find(std::string_view name, std::uint64_t opening) const {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(Key(name, opening));
    return found != streams_.end() ? std::optional(found->second) : std::nullopt;
  }

 private:
  using Key = std::pair<std::string_view, std::uint64_t>;
  struct Less {
    using is_transparent = void;
    bool operator()(const Key& one, const Key& other) const { return one < other; }
  };

  mutable Mutex mutex_;
  std::uint64_t openings_ GUARDED_BY(mutex_) = 0;
  std::map<std::pair<std::string, std::uint64_t>, Named, Less> streams_ GUARDED_BY(mutex_);
};

}  // namespace millrace
