// ForeignProtocols: connections that begin with another protocol than the port speaks. It reports some of them to the
// program. Any thread.
#pragma once

#include <optional>
#include <string>

#include "millrace/core/time.h"
#include "shares/notice_limit.h"
#include "shares/refusal_reason.h"

namespace millrace {

class ForeignProtocols {
 public:
  /// Counts one more connection, from `address`, that began with what `reason` names (kTls, kHttp2, kClearText or
  /// kProxyHeader). Returns a sentence for the log, unless there was one less than kForeignProtocolNoticeInterval ago.
  std::optional<std::string> add(RefusalReason reason, const std::string& address, TimePoint now);

 private:
  NoticeLimit limit_;
};

}  // namespace millrace
