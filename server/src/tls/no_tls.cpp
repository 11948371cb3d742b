// TlsContext for builds without TLS.

#include "millrace/server/invalid_option.h"
#include "tls_context.h"

namespace millrace {

// NOLINTNEXTLINE(performance-unnecessary-value-param): declared for builds with TLS, which keep it
std::unique_ptr<TlsContext> TlsContext::make(const ServerTls&, std::vector<std::string>) {
  throw InvalidOption("ServerOptions::tls", "is not supported: Millrace was built without TLS (MILLRACE_WITH_TLS=OFF)");
}

}  // namespace millrace
