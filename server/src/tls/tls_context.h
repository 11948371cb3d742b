// TlsContext: what all TLS connections of a server share: certificates, keys, and how handshakes are made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/server/server_tls.h"
#include "tls_channel.h"

namespace millrace {

class TlsContext {
 public:
  /// `protocols`: those that are spoken, the best first, by their names in ALPN. Throws InvalidOption, also where
  /// Millrace was built without TLS.
  static std::unique_ptr<TlsContext> make(const ServerTls& options, std::vector<std::string> protocols);

  virtual ~TlsContext() = default;

  /// TLS on an accepted socket. Any thread. Throws std::bad_alloc.
  virtual std::unique_ptr<TlsChannel> open(int socket) const = 0;

  /// Reads the files again, for handshakes from here on. Throws InvalidOption, and then keeps what it had. Any thread.
  virtual void reload() = 0;
};

}  // namespace millrace
