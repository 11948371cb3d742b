#include "served.h"

#include <spdlog/spdlog.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access_log.h"
#include "loopback.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/metrics/prometheus.h"
#include "option_names.h"
#include "parts.h"
#include "signal_watch.h"
#include "store.h"
#include "tls.h"

namespace millrace::cli {

namespace {

// Only a page of this server may frame the demo page, whose own policy is in its HTML, so that other pages, such as
// those of the documentation, may be beside it. Without --demo there are no such headers.
httplib::Headers web_headers(const ServeOptions& options) {
  if (!options.demo) return {};
  return {{"Content-Security-Policy", "frame-ancestors 'self'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"},
          {"Cache-Control", "no-cache"}};
}

void log_requests(Server& server) {
  server.set_logger([](const httplib::Request& request, const httplib::Response& response) {
    // Without its query, which may contain a secret.
    const auto target = std::string_view(request.target).substr(0, request.target.find('?'));
    spdlog::debug("{} {} {} {}", request.remote_addr, request.method, target, response.status);
  });
}

void log_sending(const SendingWays& ways) {
  if (ways.send == 0) return spdlog::info("writing to subscribers with io_uring on {} event loops", ways.io_uring);
  if (!ways.why_not) return spdlog::info("writing to subscribers with send() on {} event loops", ways.send);
  spdlog::warn(
      "writing to subscribers with send() on {} of {} event loops, which needs more CPU: io_uring is not available: {}",
      ways.send, ways.send + ways.io_uring, *ways.why_not);
}

void log_durability(const EventStore* store) {
  const Durability level = store != nullptr ? store->durability() : Durability::kMemory;
  spdlog::info("durability of acknowledged events: {}", name_of(level));
  for (const std::string& warning : store != nullptr ? store->warnings() : std::vector<std::string>()) {
    spdlog::warn("store: {}", warning);
  }
}

// The first line of the file; without a line end a whole file.
std::string secret_in(const std::string& path) {
  std::ifstream file(path);
  std::string secret;
  if (!file || !std::getline(file, secret)) throw InvalidOption("hook_secret_file", "cannot read \"" + path + '"');
  return secret;
}

std::optional<Webhooks> webhooks(const ServeOptions& options) {
  if (options.hook_url.empty() && options.hook_secret_file.empty()) return std::nullopt;
  if (options.hook_url.empty()) throw UsageError("--hook-secret-file needs --hook-url");
  if (options.hook_secret_file.empty()) {
    throw UsageError(
        "--hook-url needs --hook-secret-file: your application checks with it that this server sent a report");
  }
  return Webhooks{.url = options.hook_url,
                  .secret = secret_in(options.hook_secret_file),
                  .on_notice = [](auto& notice) { spdlog::warn("{}", notice); }};
}

// The page of --ui; nothing without.
std::optional<DebuggerPage> debugger_page(const ServeOptions& options, bool has_authorizer) {
  if (!options.ui) {
    if (!options.ui_files.empty()) throw UsageError("--ui-files needs --ui");
    return std::nullopt;
  }
  if (!has_authorizer && !options.insecure && options.admin_listen.empty()) {
    throw UsageError(
        "--ui is for administrators, but these options allow none: add --admin-key-file, --admin-listen "
        "127.0.0.1:9090, or, for trials, --insecure");
  }
  return DebuggerPage(options.ui_files);
}

void reload_tls(Server& server) {
  try {
    server.reload_tls();
    spdlog::info("reloaded the certificates");
  } catch (const InvalidOption& failure) {
    spdlog::error("could not reload the certificates; the old ones stay in use: {}", sentence_of(failure));
  }
}

void log_reports_of(ServerOptions& options) {
  options.on_store_status = [](const StoreStatus& status) {
    if (status.is_accepting()) return spdlog::info("the store accepts events again");
    spdlog::error("the store accepts no events: {}", status.reason);
  };
  options.on_failure = [](const std::string& failure) { spdlog::error("a handler or callback failed: {}", failure); };
  options.on_foreign_protocol = [](const std::string& notice) { spdlog::error("{}", notice); };
}

// All but what needs the store or the access log.
ServerOptions server_options_of(const ServeOptions& options, const Authorization& authorization) {
  ServerOptions made = options.server_options();
  made.authorizer = authorization.authorizer();
  if constexpr (kHasMetrics) made.metrics = prometheus_metrics();
  made.tls = server_tls(options.tls);
  made.webhooks = webhooks(options);
  if (options.insecure && made.authorizer != nullptr) {
    throw UsageError(
        "--insecure lets anyone publish and cannot be combined with keys, tokens or --authorize-url: remove one of "
        "them");
  }
  log_reports_of(made);
  return made;
}

}  // namespace

Served::Served(const ServeOptions& options)
    : authorization_(options.authorization),
      options_(server_options_of(options, authorization_)),
      page_(debugger_page(options, has_authorizer())) {
  make_server(options);
  add_routes(options);
}

void Served::make_server(const ServeOptions& options) {
  // The threads of a store must not receive the signals of the watch.
  const BlockedSignals blocked;
  if (options.check_config) {
    options_.publishing.durability = Durability::kMemory;  // without the store, which a server may have open
  } else {
    options_.store = open_store(options);
  }
  if (!options.check_config && !options.access_log.empty()) {
    access_log_.emplace(AccessLog::Options{
        .file = options.access_log, .json = options.log_format == "json", .every_th = options.access_log_every});
    options_.on_access = [this](const AccessRecord& record) { access_log_->write(record); };
  }
  options_.on_listening = [this] {
    log_sending(server_->sending());
    log_durability(store());
  };
  server_.emplace(options_);
}

void Served::add_routes(const ServeOptions& options) {
  server_->events("/events");
  if (options.admin_listen.empty()) {
    server_->operations();
    if (page_) page_->add_to(*server_);
  } else {
    server_->health();
  }
  // With a logger the loops do not answer event routes themselves, so it is set only if it logs.
  if (spdlog::should_log(spdlog::level::debug)) log_requests(*server_);
  if (!options.web.empty() && !server_->set_mount_point("/", options.web, web_headers(options))) {
    throw UsageError("--web \"" + options.web + "\": not a directory");
  }
}

void Served::reload() {
  if (access_log_) access_log_->reopen();
  authorization_.reload();
  if (has_tls()) reload_tls(*server_);
}

}  // namespace millrace::cli
