// StreamNames: the open streams of all loops whose clients may change their topics, by user and by the names that the
// clients gave them: names of different users do not clash. So a change asks only the loop that has the stream. Any
// thread; a stream is used on the thread of its loop alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "mutex.h"
#include "topic_change.h"

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
  std::uint64_t add(const StreamName& name, ConnectionLoop& loop, StreamSide& stream) {
    const MutexLock lock(mutex_);
    const std::uint64_t opening = ++openings_;
    streams_.emplace(Key(name, opening), Named{&loop, &stream, opening});
    return opening;
  }

  void remove(const StreamName& name, std::uint64_t opening) {
    const MutexLock lock(mutex_);
    streams_.erase(Key(name, opening));
  }

  /// The newest that has the name.
  std::optional<Named> newest(const StreamName& name) const {
    const MutexLock lock(mutex_);
    auto next = streams_.upper_bound(Key(name, UINT64_MAX));
    if (next == streams_.begin() || (--next)->first.first != name) return std::nullopt;
    return next->second;
  }

  /// That of this opening.
  std::optional<Named> find(const StreamName& name, std::uint64_t opening) const {
    const MutexLock lock(mutex_);
    const auto found = streams_.find(Key(name, opening));
    return found != streams_.end() ? std::optional(found->second) : std::nullopt;
  }

 private:
  using Key = std::pair<StreamName, std::uint64_t>;

  mutable Mutex mutex_;
  std::uint64_t openings_ GUARDED_BY(mutex_) = 0;
  std::map<Key, Named> streams_ GUARDED_BY(mutex_);
};

}  // namespace millrace
