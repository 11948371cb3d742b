#include "serve.h"

#include <netdb.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "access_log.h"
#include "admin_listener.h"
#include "debugger.h"
#include "demo.h"
#include "log.h"
#include "loopback.h"
#include "millrace/server/event_store.h"
#include "millrace/server/metrics/prometheus.h"
#include "millrace/server/server.h"
#include "option_names.h"
#include "parts.h"
#include "push_routes.h"
#include "redirect.h"
#include "serve_options.h"
#include "service_manager.h"
#include "settings_reload.h"
#include "signal_watch.h"
#include "store.h"
#include "tls.h"

namespace millrace::cli {

namespace {

// Why listening failed; `error` is the last errno, `option` that of the port.
std::string describe(const ServeOptions& options, int error, const std::string& option) {
  addrinfo* found = nullptr;
  const int lookup = getaddrinfo(options.host.c_str(), nullptr, nullptr, &found);
  if (lookup != 0) return "cannot find the host (" + std::string(gai_strerror(lookup)) + "); see --host";
  freeaddrinfo(found);
  if (error == EADDRINUSE) return "the port is in use; choose another with " + option;
  return std::strerror(error);
}

// The port; throws UsageError if the server cannot listen there. A port that is in use may be free later, so that it is
// no invalid option: a service manager is to try again.
int bind(Server& server, const ServeOptions& options, int wanted, const std::string& option) {
  int port = wanted;
  if (port == 0) {
    port = server.bind_to_any_port(options.host);
  } else if (!server.bind_to_port(options.host, port)) {
    port = -1;
  }
  if (port > 0) return port;
  const int error = errno;
  const std::string problem =
      "cannot listen on " + options.host + ":" + std::to_string(wanted) + ": " + describe(options, error, option);
  if (error == EADDRINUSE) throw std::runtime_error(problem);
  throw UsageError(problem);
}

// Also works when the server is only about to listen, which stop() alone would miss.
void drain_and_stop(Server& server, std::chrono::seconds window, const std::atomic<bool>& listening_is_over) {
  constexpr std::chrono::milliseconds kLook{10};
  while (!server.is_running() && !listening_is_over) std::this_thread::sleep_for(kLook);
  notify_service_manager("STOPPING=1");
  spdlog::info("draining {} event streams over {} s", server.open_streams(), window.count());
  server.stop(window);
}

// systemd compares it with its own clock. [sd_notify(3)]
std::string reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.tv_sec * 1'000'000LL + now.tv_nsec / 1000);
}

std::string url_of(const std::string& host, int port, bool is_tls) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_tls ? "https://" : "http://") + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// Only a page of this server may frame the demo page, whose own policy is in its HTML, so that other pages, such as
// those of the documentation, may be beside it. Without --demo there are no such headers.
httplib::Headers web_headers(const ServeOptions& options) {
  if (!options.demo) return {};
  return {{"Content-Security-Policy", "frame-ancestors 'self'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"},
          {"Cache-Control", "no-cache"}};
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

std::string describe_store(const ServeOptions& options, const EventStore* store) {
  if (store == nullptr) return "in memory only: a restart begins a new log";
  const std::string kind = options.store.substr(0, options.store.find(':'));
  return kind == "sqlite" || kind == "file" ? "in " + options.store + ", --sync " + options.store_sync
                                            : "in a store (" + kind + ")";
}

void log_start(const ServeOptions& options, const Settings& settings, const EventStore* store) {
  spdlog::info("millrace {}; options that differ from the defaults: {}", MILLRACE_VERSION,
               settings_that_differ(settings));
  spdlog::info("events are kept {}", describe_store(options, store));
}

void log_requests(Server& server) {
  server.set_logger([](const httplib::Request& request, const httplib::Response& response) {
    // Without its query, which may contain a secret.
    const auto target = std::string_view(request.target).substr(0, request.target.find('?'));
    spdlog::debug("{} {} {} {}", request.remote_addr, request.method, target, response.status);
  });
}

demo::DemoAccess access_to_demo(const ServeOptions& options, bool on_loopback, bool has_authorizer) {
  if (!has_authorizer && (on_loopback || options.insecure)) return demo::DemoAccess::kOpen;
  return has_authorizer && on_loopback ? demo::DemoAccess::kByRights : demo::DemoAccess::kAdministrators;
}

void warn_of_what_is_open(const ServeOptions& options, const std::string& host, demo::DemoAccess demo_access) {
  if (options.insecure) {
    spdlog::warn(
        "--insecure on {}: anyone who can reach this address can publish, read every topic, and end streams; use "
        "--publish-key and --admin-key, or --host 127.0.0.1",
        host);
  }
  if (options.demo && demo_access == demo::DemoAccess::kAdministrators) {
    spdlog::warn("--demo on {}: its routes, /demo and /push, are for administrators only", host);
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

// The options that SIGHUP changes.
std::vector<SettingsReload::Live> live_options(Server& server) {
  const auto number = [](const Settings& settings, const char* option) {
    const auto values = values_of(settings, option);
    return values.empty() ? 0.0 : std::stod(values.front());
  };
  return {
      {.options = {"--log-level"},
       .apply =
           [](const Settings& now) {
             spdlog::set_level(spdlog::level::from_str(values_of(now, "--log-level").front()));
           }},
      {.options = {"--cors-origin", "--cors-header"},
       .apply =
           [&server](const Settings& now) {
             server.set_cors({.origins = values_of(now, "--cors-origin"), .headers = values_of(now, "--cors-header")});
           }},
      {.options = {"--publish-rate", "--publish-burst"}, .apply = [&server, number](const Settings& now) {
         const double rate = number(now, "--publish-rate");
         const double burst = number(now, "--publish-burst");
         server.set_publish_rate(rate == 0 ? std::nullopt : std::optional(rate),
                                 burst == 0 ? std::nullopt : std::optional(static_cast<std::size_t>(burst)));
       }}};
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
        "127.0.0.1:9090, or, for "
        "trials, --insecure");
  }
  return DebuggerPage(options.ui_files);
}

bool all_loops_answer(const Server& server) {
  const std::vector<Metric> metrics = server.metrics();
  return std::none_of(metrics.begin(), metrics.end(), [](const Metric& one) {
    return one.name == "millrace_silent_loops" && one.samples.front().value > 0;
  });
}

void reload_tls(Server& server) {
  try {
    server.reload_tls();
    spdlog::info("reloaded the certificates");
  } catch (const InvalidOption& failure) {
    spdlog::error("could not reload the certificates; the old ones stay in use: {}", sentence_of(failure));
  }
}

int serve(const ServeOptions& options, const Invocation& invocation) {
  check_store_options(options);
  if (options.proxy_field != ServeOptions().proxy_field && options.trusted_proxies.empty()) {
    throw UsageError("--proxy-field needs --trusted-proxy: the field of other clients is ignored");
  }
  set_up_log(options.log_level, options.log_format);
  std::atomic<bool> listening_is_over{false};
  std::optional<AccessLog> access_log;
  std::optional<DebuggerPage> page;
  std::optional<Server> server;
  const Authorization authorization(options.authorization);
  ServerOptions server_options = options.server_options();
  server_options.authorizer = authorization.authorizer();
  if constexpr (kHasMetrics) server_options.metrics = prometheus_metrics();
  server_options.tls = server_tls(options.tls);
  server_options.webhooks = webhooks(options);
  if (options.insecure && server_options.authorizer != nullptr) {
    throw UsageError(
        "--insecure lets anyone publish and cannot be combined with keys, tokens or --authorize-url: remove one of "
        "them");
  }
  page = debugger_page(options, server_options.authorizer != nullptr);
  std::optional<int> passed;
  if (!options.check_config) passed = passed_socket();
  const SocketAddress at = passed ? address_of(*passed) : SocketAddress{.host = options.host, .port = options.port};
  const bool on_loopback = is_loopback(at.host);
  const demo::DemoAccess demo_access = access_to_demo(options, on_loopback, server_options.authorizer != nullptr);
  if (!on_loopback) warn_of_what_is_open(options, at.host, demo_access);
  server_options.on_store_status = [](const StoreStatus& status) {
    if (status.is_accepting()) return spdlog::info("the store accepts events again");
    spdlog::error("the store accepts no events: {}", status.reason);
  };
  server_options.on_listening = [&] {
    log_sending(server->sending());
    log_durability(server_options.store.get());
  };
  server_options.on_failure = [](const std::string& failure) {
    spdlog::error("a handler or callback failed: {}", failure);
  };
  server_options.on_foreign_protocol = [](const std::string& notice) { spdlog::error("{}", notice); };
  {
    // The threads of a store must not receive the signals of the watch.
    const BlockedSignals blocked;
    if (options.check_config) {
      server_options.publishing.durability = Durability::kMemory;  // without the store, which a server may have open
    } else {
      server_options.store = open_store(options);
      if (!options.access_log.empty()) {
        access_log.emplace(AccessLog::Options{
            .file = options.access_log, .json = options.log_format == "json", .every_th = options.access_log_every});
        server_options.on_access = [&access_log](const AccessRecord& record) { access_log->write(record); };
      }
    }
    server.emplace(server_options);
  }
  server->events("/events");
  if (options.admin_listen.empty()) {
    server->operations();
    if (page) page->add_to(*server);
  } else {
    server->health();
  }
  // With a logger the loops do not answer event routes themselves, so it is set only if it logs.
  if (spdlog::should_log(spdlog::level::debug)) log_requests(*server);
  if (!options.web.empty() && !server->set_mount_point("/", options.web, web_headers(options))) {
    throw UsageError("--web \"" + options.web + "\": not a directory");
  }
  if (!options.admin_listen.empty()) AdminAddress::parse("--admin-listen", options.admin_listen);
  if (options.check_config) {
    std::cout << "millrace: the options are valid" << std::endl;
    return kSuccess;
  }
  if (passed) server->bind_to_socket(*passed);
  const int port = passed ? at.port : bind(*server, options, options.port, "--port (0 picks a free one)");
  std::optional<AdminListener> admin;
  if (!options.admin_listen.empty()) {
    admin.emplace(*server, AdminAddress::parse("--admin-listen", options.admin_listen), page ? &*page : nullptr);
  }
  std::optional<Redirect> redirect;
  if (options.tls.redirect_port != 0) {
    redirect.emplace(port, options.allowed_hosts);
    bind(redirect->server(), options, options.tls.redirect_port, "--redirect-port");
  }

  const std::chrono::seconds window{options.drain_seconds};
  // Without options, keys or certificates to reload, SIGHUP ends the program, as usual.
  std::function<void()> reload;
  SettingsReload settings(invocation, live_options(*server));
  if (!invocation.config_file.empty() || server_options.authorizer != nullptr || server_options.tls || access_log) {
    reload = [&] {
      notify_service_manager(reloading());
      if (access_log) access_log->reopen();
      if (!invocation.config_file.empty()) settings.reload();
      authorization.reload();
      if (server_options.tls) reload_tls(*server);
      notify_service_manager("READY=1");
    };
  }
  const SignalWatch watch([&] { drain_and_stop(*server, window, listening_is_over); }, reload);
  // Their threads inherit the blocked signals.
  std::optional<demo::PushRoutes> push;
  std::optional<demo::Demo> demo;
  if (options.demo) {
    push.emplace(*server, demo_access);
    demo.emplace(*server, demo_access, options.demo_seed != 0 ? options.demo_seed : std::random_device{}());
  }
  // What is wrong with the options has been said by now, in one line.
  log_start(options, invocation.settings, server_options.store.get());
  if (passed) spdlog::info("listening on the service manager's socket; --host and --port are ignored");
  if (redirect) redirect->start();
  if (admin) {
    admin->start();
    spdlog::info("routes for operators: {}", admin->text());
  }
  const std::string url = url_of(at.host, port, server_options.tls.has_value());
  notify_service_manager("READY=1\nSTATUS=listening on " + url);
  // Each loop has to answer.
  const Watchdog watchdog([&server] { return all_loops_answer(*server); });
  if (page) spdlog::info("the page of --ui: {}, path /ui/", admin ? admin->text() : url);
  announce(options.log_format, "listening on " + url, {{"url", url}});
  const bool stopped = server->listen_after_bind();
  listening_is_over = true;
  if (!stopped) throw std::runtime_error("the server stopped listening unexpectedly");
  spdlog::info("stopped");
  return kSuccess;
}

// Of --print-…: whether one of them was asked for.
bool print(const ServeOptions& options, const CLI::App& app, const Settings& settings) {
  if (options.print_options) {
    std::cout << serve_options_table(app);
  } else if (options.print_config) {
    std::cout << settings_as_file("serve", settings);
  } else if (options.print_template) {
    std::cout << settings_as_template("serve", settings);
  } else {
    return false;
  }
  return true;
}

}  // namespace

void add_serve(CLI::App& app, Command& command, const Invocation& invocation) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* serve_app =
      app.add_subcommand("serve", "Serve event streams: GET /events subscribes, POST /events publishes");
  add_serve_options(*serve_app, *options);
  serve_app->callback([options, serve_app, &command, &invocation] {
    command = [options, serve_app, &invocation] {
      if (print(*options, *serve_app, invocation.settings)) return kSuccess;
      try {
        return serve(*options, invocation);
      } catch (const InvalidOption& failure) {
        throw UsageError(sentence_of(failure) + place_of(typed_name(failure.option()), invocation.settings));
      } catch (const std::invalid_argument& failure) {
        throw UsageError(failure.what());
      }
    };
  });
}

}  // namespace millrace::cli
