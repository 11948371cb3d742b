// TlsContext: shared by all TLS connections of a server: certificates, keys and handshake settings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/server/server_tls.h"
#include "tls_channel.h"

namespace millrace {

class TlsContext {
 public:
  /// `protocols`: ALPN names of the supported protocols, best first. Throws InvalidOption, also in builds without TLS.
  static std::unique_ptr<TlsContext> make(const ServerTls& options, std::vector<std::string> protocols);

  virtual ~TlsContext() = default;

  /// Begins TLS on an accepted socket. Any thread. Throws std::bad_alloc.
  virtual std::unique_ptr<TlsChannel> open(int socket) const = 0;

  /// Reads the files again for new handshakes. If it throws InvalidOption, it keeps the old ones. Any thread.
  virtual void reload() = 0;
};

}  // namespace millrace
