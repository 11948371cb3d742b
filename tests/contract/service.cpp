// The native client as a service for a contract test harness: it starts a client for whoever asks, and reports what
// that client sees. tests/contract/README.md has the interface.

#include <httplib.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "millrace/client/event_source.h"
#include "parse_json.h"
#include "reporter.h"

namespace {

using Json = nlohmann::json;
using millrace::Duration;
using millrace::EventSource;
using millrace::EventSourceOptions;
using millrace::EventSourceState;
using millrace::contract::Reporter;

constexpr const char* kCapabilities[] = {"bom",
                                         "comments",
                                         "empty-or-missing-location",
                                         "headers",
                                         "last-event-id",
                                         "payload-size-stress-testable",
                                         "post",
                                         "read-timeout",
                                         "report",
                                         "restart",
                                         "server-directed-shutdown-request"};

// --- Parameters: what is wrong with them is a std::invalid_argument -----------------------------------------------

std::string text(const Json& object, const char* name, bool required = false) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) {
    if (required) throw std::invalid_argument(std::string(name) + ": is missing");
    return {};
  }
  if (!member->is_string()) throw std::invalid_argument(std::string(name) + ": must be a string");
  return *member;
}

std::optional<Duration> milliseconds(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::nullopt;
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (!member->is_number_unsigned() || member->get<std::uint64_t>() > kMost) {
    throw std::invalid_argument(std::string(name) + ": must be milliseconds, at most " + std::to_string(kMost));
  }
  return Duration{member->get<std::uint32_t>()};
}

millrace::HttpHeaders headers(const Json& object) {
  millrace::HttpHeaders headers;
  const auto member = object.find("headers");
  if (member == object.end() || member->is_null()) return headers;
  if (!member->is_object()) throw std::invalid_argument("headers: must be an object");
  for (const auto& [name, value] : member->items()) {
    if (!value.is_string()) throw std::invalid_argument("headers: " + name + " must be a string");
    headers.emplace_back(name, value);
  }
  return headers;
}

EventSourceState::Reconnect reconnect(const Json& parameters) {
  using Reconnect = EventSourceState::Reconnect;
  const std::string rule = text(parameters, "reconnect");
  if (rule.empty() || rule == "always") return Reconnect::kAlways;
  if (rule == "idempotent") return Reconnect::kIdempotent;
  if (rule == "never") return Reconnect::kNever;
  throw std::invalid_argument("reconnect: expected never, idempotent or always");
}

EventSourceOptions options(const Json& parameters) {
  EventSourceOptions options;
  options.headers = headers(parameters);
  options.last_event_id = text(parameters, "lastEventId");
  options.body = text(parameters, "body");
  if (const std::string method = text(parameters, "method"); !method.empty()) options.method = method;
  options.policy.retry_on_server_error = true;
  options.policy.reconnect = reconnect(parameters);
  if (const auto delay = milliseconds(parameters, "initialDelayMs")) options.policy.backoff.reconnection_time = *delay;
  if (const auto timeout = milliseconds(parameters, "readTimeoutMs")) options.policy.idle_timeout = *timeout;
  return options;
}

// --- A client, and the service of many ----------------------------------------------------------------------------

class ReportedClient {
 public:
  explicit ReportedClient(const Json& parameters)
      : reporter_(text(parameters, "callbackUrl", true)),
        source_(text(parameters, "streamUrl", true), options(parameters)) {
    source_.on_any([this](const millrace::MessageEvent& event) {
      reporter_.report(
          {{"kind", "event"}, {"event", {{"type", event.type}, {"data", event.data}, {"id", event.last_event_id}}}});
    });
    source_.on_comment([this](std::string_view comment) {
      reporter_.report({{"kind", "comment"}, {"comment", comment}});
    });
    source_.on_error([this](const millrace::EventSourceError& error) {
      reporter_.report({{"kind", "error"}, {"comment", error.message}});
    });
    source_.start();
  }

  void obey(const Json& command) {
    const std::string name = text(command, "command", true);
    if (name == "restart") return source_.restart();
    // Listeners hear every type: there is nothing to prepare.
    if (name == "listen") return;
    throw std::invalid_argument("command: \"" + name + "\" is unknown; expected listen or restart");
  }

 private:
  Reporter reporter_;
  EventSource source_;
};

class Service {
 public:
  Service() {
    // cpp-httplib's server has a thread for each connection, of which harnesses keep several open.
    server_.new_task_queue = [] { return new httplib::ThreadPool(64); };
    server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(Json{{"name", "millrace-native"}, {"capabilities", kCapabilities}}.dump(),
                           "application/json");
    });
    server_.Delete("/", [this](const httplib::Request&, httplib::Response& response) {
      response.status = 204;
      server_.stop();
    });
    server_.Post("/", [this](const httplib::Request& request, httplib::Response& response) {
      refusing(response, [&] {
        auto client = std::make_shared<ReportedClient>(object(request.body));
        const std::lock_guard lock(mutex_);
        clients_.emplace(++last_, std::move(client));
        response.status = 201;
        response.set_header("Location", "/streams/" + std::to_string(last_));
      });
    });
    server_.Post("/streams/([0-9]{1,18})", [this](const httplib::Request& request, httplib::Response& response) {
      refusing(response, [&] {
        const auto client = find(request, false);
        if (!client) return void(response.status = 404);
        client->obey(object(request.body));
        response.status = 202;
      });
    });
    server_.Delete("/streams/([0-9]{1,18})", [this](const httplib::Request& request, httplib::Response& response) {
      response.status = find(request, true) ? 204 : 404;
    });
  }

  int run(int port) {
    const int bound = port == 0                                 ? server_.bind_to_any_port("127.0.0.1")
                      : server_.bind_to_port("127.0.0.1", port) ? port
                                                                : -1;
    if (bound < 0) {
      std::cerr << "contract service: cannot listen on port " << port << std::endl;
      return 1;
    }
    std::cout << "contract service: listening on http://127.0.0.1:" << bound << std::endl;
    server_.listen_after_bind();
    return 0;
  }

 private:
  static Json object(const std::string& body) {
    Json json = millrace::parse_json<Json>(body, 16 * 1024 * 1024);
    if (!json.is_object()) throw std::invalid_argument("body: must be a JSON object");
    return json;
  }

  template <typename Action>
  static void refusing(httplib::Response& response, const Action& action) {
    try {
      action();
    } catch (const std::invalid_argument& error) {
      response.status = 400;
      response.set_content(Json{{"error", error.what()}}.dump(), "application/json");
    }
  }

  std::shared_ptr<ReportedClient> find(const httplib::Request& request, bool take) {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(std::stoull(request.matches[1]));
    if (found == clients_.end()) return nullptr;
    auto client = found->second;
    if (take) clients_.erase(found);
    return client;
  }

  httplib::Server server_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<ReportedClient>> clients_;
  std::uint64_t last_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app{"Runs the native client for a contract test harness"};
  int port = 8222;
  app.add_option("--port", port, "Port of 127.0.0.1 to listen on; 0 picks a free one")->check(CLI::Range(0, 65535));
  CLI11_PARSE(app, argc, argv);
  return Service().run(port);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  } catch (...) {
    std::fputs("failed\n", stderr);
  }
  return 1;
}
