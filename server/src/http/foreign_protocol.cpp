#include "foreign_protocol.h"

namespace millrace {

namespace {

const char* what_it_began_with(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kTls:
      return "a TLS handshake, but this port speaks clear HTTP: use http://, give the server a certificate, or put a "
             "proxy that terminates TLS in front";
    case RefusalReason::kClearText:
      return "clear text, but this port speaks TLS: use https://";
    case RefusalReason::kProxyHeader:
      return "something other than a header of the PROXY protocol (version 2), which the trusted proxies must send "
             "(HAProxy: send-proxy-v2)";
    default:
      return "HTTP/2, but this port speaks clear HTTP/1.1: use HTTP/1.1, or put a proxy that speaks HTTP/2 in front";
  }
}

}  // namespace

std::optional<std::string> ForeignProtocols::add(RefusalReason reason, const std::string& address, TimePoint now) {
  const auto others = limit_.allow(name_of(reason), now);
  if (!others) return std::nullopt;
  return "a client at " + address + " began with " + what_it_began_with(reason) + NoticeLimit::tail(*others);
}

}  // namespace millrace
