// Served: what `millrace serve` serves, made of its options: the server with its routes, its access log, and the page
// of
// --ui. It is complete, but does not listen yet. Used by one thread, except reload(), which any thread may call.
#pragma once

#include <optional>

#include "access_log.h"
#include "authorization.h"
#include "debugger.h"
#include "millrace/server/event_store.h"
#include "millrace/server/options.h"
#include "millrace/server/server.h"
#include "serve_options.h"

namespace millrace::cli {

class Served {
 public:
  /// Opens the store, and the access log; neither for --check-config. Throws UsageError or InvalidOption if an option
  /// is invalid, and StoreUnavailable.
  explicit Served(const ServeOptions& options);
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  Server& server() { return *server_; }
  /// Null without --ui.
  const DebuggerPage* page() const { return page_ ? &*page_ : nullptr; }
  /// Null without --store.
  const EventStore* store() const { return options_.store.get(); }
  bool has_authorizer() const { return options_.authorizer != nullptr; }
  bool has_tls() const { return options_.tls.has_value(); }

  /// Whether it has files that reload() reads again.
  bool can_reload() const { return has_authorizer() || has_tls() || access_log_.has_value(); }
  /// Reads the files of keys, tokens' keys and certificates again, and opens the access log again. What fails is
  /// logged, and stays as it was.
  void reload();

 private:
  void make_server(const ServeOptions& options);
  void add_routes(const ServeOptions& options);

  const Authorization authorization_;
  ServerOptions options_;
  const std::optional<DebuggerPage> page_;  // lives, like the access log, as long as the server
  std::optional<AccessLog> access_log_;
  std::optional<Server> server_;
};

}  // namespace millrace::cli
