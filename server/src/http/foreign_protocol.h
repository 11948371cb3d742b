// ForeignProtocols: connections that begin with another protocol than clear HTTP/1.1. They are reported to the program,
// but not each one. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/core/time.h"
#include "mutex.h"
#include "shares/refusal_reason.h"

namespace millrace {

class ForeignProtocols {
 public:
  /// Counts one more connection, from `address`, that began with what `reason` names (kTls or kHttp2). Returns a
  /// sentence for the log, unless there was one less than kForeignProtocolNoticeInterval ago.
  std::optional<std::string> add(RefusalReason reason, const std::string& address, TimePoint now);

 private:
  struct Seen {
    std::optional<TimePoint> told_at;
    std::uint64_t untold = 0;
  };

  Mutex mutex_;
  std::array<Seen, 2> seen_ GUARDED_BY(mutex_);  // of TLS, of HTTP/2
};

}  // namespace millrace
