#include "serve.h"

#include <netdb.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "admin_listener.h"
#include "demo.h"
#include "log.h"
#include "loopback.h"
#include "millrace/server/event_store.h"
#include "millrace/server/server.h"
#include "option_names.h"
#include "push_routes.h"
#include "redirect.h"
#include "serve_options.h"
#include "served.h"
#include "service_manager.h"
#include "settings_reload.h"
#include "signal_watch.h"
#include "store.h"

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

// What no later step checks.
void check(const ServeOptions& options) {
  check_store_options(options);
  if (options.proxy_field != ServeOptions().proxy_field && options.trusted_proxies.empty()) {
    throw UsageError("--proxy-field needs --trusted-proxy: the field of other clients is ignored");
  }
  if (!options.admin_listen.empty()) AdminAddress::parse("--admin-listen", options.admin_listen);
}

// What SIGHUP does; nothing without options, keys or certificates to reload: then it ends the program, as usual.
std::function<void()> reload_of(Served& served, SettingsReload& settings, const Invocation& invocation) {
  const bool has_config_file = !invocation.config_file.empty();
  if (!has_config_file && !served.can_reload()) return nullptr;
  return [&served, &settings, has_config_file] {
    notify_service_manager(reloading());
    if (has_config_file) settings.reload();
    served.reload();
    notify_service_manager("READY=1");
  };
}

// The further ports of the server.
struct OtherPorts {
  OtherPorts(Served& served, const ServeOptions& options, int port) {
    if (!options.admin_listen.empty()) {
      admin.emplace(served.server(), AdminAddress::parse("--admin-listen", options.admin_listen), served.page());
    }
    if (options.tls.redirect_port != 0) {
      redirect.emplace(port, options.allowed_hosts);
      bind(redirect->server(), options, options.tls.redirect_port, "--redirect-port");
    }
  }
  void start() {
    if (redirect) redirect->start();
    if (!admin) return;
    admin->start();
    spdlog::info("routes for operators: {}", admin->text());
  }

  std::optional<AdminListener> admin;
  std::optional<Redirect> redirect;
};

bool all_loops_answer(const Server& server) {
  const std::vector<Metric> metrics = server.metrics();
  return std::none_of(metrics.begin(), metrics.end(), [](const Metric& one) {
    return one.name == "millrace_silent_loops" && one.samples.front().value > 0;
  });
}

// Listens until the server stops; returns false if it stopped by itself.
bool listen(Served& served, const std::string& url, const ServeOptions& options) {
  notify_service_manager("READY=1\nSTATUS=listening on " + url);
  const Watchdog watchdog([&served] { return all_loops_answer(served.server()); });
  announce(options.log_format, "listening on " + url, {{"url", url}});
  return served.server().listen_after_bind();
}

int serve(const ServeOptions& options, const Invocation& invocation) {
  check(options);
  set_up_log(options.log_level, options.log_format);
  std::optional<int> passed;
  if (!options.check_config) passed = passed_socket();
  const SocketAddress at = passed ? address_of(*passed) : SocketAddress{.host = options.host, .port = options.port};
  const bool on_loopback = is_loopback(at.host);
  std::atomic<bool> listening_is_over{false};
  Served served(options);
  const demo::DemoAccess demo_access = access_to_demo(options, on_loopback, served.has_authorizer());
  if (!on_loopback) warn_of_what_is_open(options, at.host, demo_access);
  if (options.check_config) {
    std::cout << "millrace: the options are valid" << std::endl;
    return kSuccess;
  }
  Server& server = served.server();
  if (passed) server.bind_to_socket(*passed);
  const int port = passed ? at.port : bind(server, options, options.port, "--port (0 picks a free one)");
  OtherPorts others(served, options, port);

  const std::chrono::seconds window{options.drain_seconds};
  SettingsReload settings(invocation, live_options(server));
  const SignalWatch watch([&] { drain_and_stop(server, window, listening_is_over); },
                          reload_of(served, settings, invocation));
  // Their threads inherit the blocked signals.
  std::optional<demo::PushRoutes> push;
  std::optional<demo::Demo> demo;
  if (options.demo) {
    push.emplace(server, demo_access);
    demo.emplace(server, demo_access, options.demo_seed != 0 ? options.demo_seed : std::random_device{}());
  }
  // What is wrong with the options has been said by now, in one line.
  log_start(options, invocation.settings, served.store());
  if (passed) spdlog::info("listening on the service manager's socket; --host and --port are ignored");
  others.start();
  const std::string url = url_of(at.host, port, served.has_tls());
  if (served.page() != nullptr) {
    spdlog::info("the page of --ui: {}, path /ui/", others.admin ? others.admin->text() : url);
  }
  const bool stopped = listen(served, url, options);
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
