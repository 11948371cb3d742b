// NoticeLimit: how often the program is told of what anybody can bring about at any time. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/string_map.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class NoticeLimit {
 public:
  /// Kinds that are told apart; more count as one.
  static constexpr std::size_t kMaxKinds = 64;

  /// Whether it is time for a notice of this kind, which it is once in kForeignProtocolNoticeInterval: how many there
  /// would have been since the last one. Nothing: not yet.
  std::optional<std::uint64_t> take(std::string_view kind, TimePoint now);

  /// What to append to a notice.
  static std::string tail(std::uint64_t others);

 private:
  struct Seen {
    std::optional<TimePoint> told_at;
    std::uint64_t untold = 0;
  };

  Mutex mutex_;
  StringMap<Seen> seen_ GUARDED_BY(mutex_);
};

}  // namespace millrace
