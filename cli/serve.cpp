#include "serve.h"

#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "demo_feed.h"
#include "millrace/server/server.h"
#include "signal_watch.h"

namespace millrace::cli {

namespace {

struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::size_t workers = 8;
  std::string web;
  bool insecure = false;
  bool demo = false;
};

// cpp-httplib lets several programs share a port, each getting some of the connections; here a port that is taken is an
// error. A port in its last minute after an earlier server is not taken.
void refuse_shared_port(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

// The port; throws UsageError if the server cannot listen there.
int bind(Server& server, const ServeOptions& options) {
  errno = 0;
  const int port = options.port == 0                                 ? server.bind_to_any_port(options.host)
                   : server.bind_to_port(options.host, options.port) ? options.port
                                                                     : -1;
  if (port > 0) return port;
  const std::string reason = errno == EADDRINUSE ? "the port is taken; choose another with --port, 0 picks a free one"
                             : errno == 0        ? "no such host"
                                                 : std::strerror(errno);
  throw UsageError("cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " + reason);
}

// The demo page's button that shows what a cut connection looks like.
void add_demo_routes(Server& server) {
  server.Post("/demo/cut", [&server](const httplib::Request& request, httplib::Response& response) {
    nlohmann::json answer;
    if (request.has_param("client")) {
      answer["cut"] = server.disconnect(request.get_param_value("client"));
    } else {
      response.status = 400;
      answer["error"] = "client: missing; name the client whose event streams are to be cut, as in ?client=NAME";
    }
    response.set_content(answer.dump(), "application/json");
  });
}

// Stops the server, also when it is only about to listen, which stop() by itself would miss.
void stop(Server& server, const std::atomic<bool>& listening_is_over) {
  while (!server.is_running() && !listening_is_over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  server.stop();
}

std::string url_of(const std::string& host, int port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return "http://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

int serve(const ServeOptions& options) {
  std::atomic<bool> listening_is_over{false};
  std::optional<Server> server;
  server.emplace(ServerOptions{.workers = options.workers, .anonymous_publish = options.insecure});
  server->set_socket_options(refuse_shared_port);
  server->events("/events");
  if (options.demo) add_demo_routes(*server);
  if (!options.web.empty() && !server->set_mount_point("/", options.web)) {
    throw UsageError("--web \"" + options.web + "\": not a directory");
  }
  const int port = bind(*server, options);

  const SignalWatch watch([&] { stop(*server, listening_is_over); });
  std::optional<DemoFeed> feed;
  if (options.demo) feed.emplace(server->hub(), std::random_device{}());
  std::cout << "millrace: listening on " << url_of(options.host, port) << std::endl;
  const bool stopped = server->listen_after_bind();
  listening_is_over = true;
  if (!stopped) throw std::runtime_error("the server has stopped listening by itself");
  return kSuccess;
}

}  // namespace

void add_serve(CLI::App& app, Command& command) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* serve_app =
      app.add_subcommand("serve", "Serve event streams: GET /events subscribes, POST /events publishes");
  serve_app->add_option("--host", options->host, "Address to listen on")->capture_default_str();
  serve_app->add_option("--port,-p", options->port, "Port to listen on; 0 picks a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve_app->add_option("--workers", options->workers, "Threads that answer requests; streams need none")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  serve_app->add_option("--web", options->web, "Serve the files of this directory at /")->type_name("DIR");
  serve_app->add_flag("--insecure", options->insecure, "Let anyone who reaches the port publish");
  serve_app->add_flag("--demo", options->demo, "Publish a made-up live feed to demo/ticks");
  serve_app->callback([options, &command] { command = [options] { return serve(*options); }; });
}

}  // namespace millrace::cli
