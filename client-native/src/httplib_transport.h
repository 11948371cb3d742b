// HttplibTransport: requests and responses by cpp-httplib's client, over connections of our own.
//
// cpp-httplib writes the request, reads the response's head and undoes its transfer and content codings; connections,
// TLS, waiting and redirects are ours. Everything that knows cpp-httplib's insides is in this file pair.
#pragma once

#include <optional>

#include "interrupt.h"
#include "millrace/client/url.h"
#include "tls.h"
#include "transport.h"

namespace millrace {

class HttplibTransport {
 public:
  /// Throws std::invalid_argument if the CA file cannot be read and may be needed.
  HttplibTransport(const Url& url, const TlsOptions& tls, Duration connect_timeout);

  /// One request and its whole response, redirects followed. [Fetch 4.3, 4.4] Blocks until the response has ended, the
  /// receiver wants no more or its deadline came, or the interrupt is raised. What the receiver throws passes through.
  TransportResult exchange(TransportRequest request, ResponseReceiver& receiver, const Interrupt& interrupt);

 private:
  const TlsContext& tls_context();

  Url url_;
  TlsOptions tls_;
  Duration connect_timeout_;
  std::optional<TlsContext> tls_context_;
};

}  // namespace millrace
