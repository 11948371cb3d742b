#include "foreign_protocol.h"

#include <utility>

#include "millrace/core/limits.h"

namespace millrace {

std::optional<std::string> ForeignProtocols::add(RefusalReason reason, const std::string& address, TimePoint now) {
  const bool is_tls = reason == RefusalReason::kTls;
  std::uint64_t others = 0;
  {
    const MutexLock lock(mutex_);
    Seen& seen = seen_[is_tls ? 0 : 1];
    if (seen.told_at && now - *seen.told_at < kForeignProtocolNoticeInterval) {
      ++seen.untold;
      return std::nullopt;
    }
    seen.told_at = now;
    others = std::exchange(seen.untold, 0);
  }
  std::string sentence = "a client at " + address + " began with ";
  sentence += is_tls ? "a TLS handshake, but this port speaks clear HTTP/1.1: use http://, or put a proxy that "
                       "terminates TLS in front"
                     : "HTTP/2, but this port speaks clear HTTP/1.1: use HTTP/1.1, or put a proxy that speaks "
                       "HTTP/2 in front";
  if (others > 0) sentence += " (" + std::to_string(others) + " more such connections since the last message)";
  return sentence;
}

}  // namespace millrace
