// NoticeLimit: bounds how often the program gets notices that any client can cause. Any thread.
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
  /// Most kinds counted separately; all further kinds count as one.
  static constexpr std::size_t kMaxKinds = 64;

  /// Allows one notice of this kind in kForeignProtocolNoticeInterval: returns the number of notices suppressed since
  /// the last one; nothing if the notice must be suppressed.
  std::optional<std::uint64_t> allow(std::string_view kind, TimePoint now);

  /// The text to append to a notice about suppressed ones.
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
