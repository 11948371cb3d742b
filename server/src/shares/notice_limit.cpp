#include "notice_limit.h"

#include <utility>

#include "millrace/server/limits.h"

namespace millrace {

std::optional<std::uint64_t> NoticeLimit::allow(std::string_view kind, TimePoint now) {
  const MutexLock lock(mutex_);
  if (seen_.size() >= kMaxKinds && seen_.find(kind) == seen_.end()) kind = {};
  Seen& seen = seen_[std::string(kind)];
  if (seen.told_at && now - *seen.told_at < kForeignProtocolNoticeInterval) {
    ++seen.untold;
    return std::nullopt;
  }
  seen.told_at = now;
  return std::exchange(seen.untold, 0);
}

std::string NoticeLimit::tail(std::uint64_t others) {
  if (others == 0) return {};
  return " (" + std::to_string(others) + " more such connections since the last message)";
}

}  // namespace millrace
