#include "admin_commands.h"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "admin_client.h"
#include "loopback.h"
#include "millrace/client/url.h"
#include "parse_json.h"
#include "terminal_text.h"

namespace millrace::cli {

namespace {

nlohmann::json subscriptions_of(AdminClient& client) {
  nlohmann::json list = parse_json(client.get("/subscriptions"));
  if (!list.is_array()) throw std::runtime_error("the answer is not a list of subscriptions; check the URL");
  return list;
}

// --- kick -----------------------------------------------------------------------------------------------------------

struct KickOptions {
  AdminOptions admin;
  std::string user;
  std::string client;
  std::string topic;
};

int kick(const KickOptions& options) {
  nlohmann::json selection = nlohmann::json::object();
  if (!options.user.empty()) selection["user"] = options.user;
  if (!options.client.empty()) selection["client"] = options.client;
  if (!options.topic.empty()) selection["topic"] = options.topic;
  if (selection.empty()) throw UsageError("name the streams to end: add --user, --client or --topic");
  AdminClient client(options.admin);
  const auto answer = parse_json(client.post("/subscriptions/disconnect",
                                             selection.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  if (!answer.is_object() || !answer.contains("disconnected") || !answer["disconnected"].is_number_unsigned()) {
    throw std::runtime_error("the answer is not that of a Millrace server; check the URL");
  }
  const auto ended = answer["disconnected"].get<std::uint64_t>();
  std::cout << ended << (ended == 1 ? " stream ended" : " streams ended") << std::endl;
  return kSuccess;
}

// --- topics ---------------------------------------------------------------------------------------------------------

// Patterns with the streams that have them, those with most first.
int topics(const AdminOptions& options) {
  AdminClient client(options);
  std::map<std::string, std::size_t> streams;
  for (const auto& subscription : subscriptions_of(client)) {
    const auto patterns = subscription.find("topics");
    if (patterns == subscription.end() || !patterns->is_array()) continue;
    for (const auto& pattern : *patterns) {
      if (pattern.is_string()) ++streams[pattern.get<std::string>()];
    }
  }
  std::vector<std::pair<std::string, std::size_t>> sorted(streams.begin(), streams.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [pattern, count] : sorted) std::cout << count << '\t' << printable(pattern) << '\n';
  return kSuccess;
}

// --- inspect --------------------------------------------------------------------------------------------------------

struct InspectOptions {
  AdminOptions admin;
  std::string id;
};

// The ID before one of the log's own, EPOCH-SEQUENCE.
std::string id_before(const std::string& id) {
  const std::size_t dash = id.rfind('-');
  std::uint64_t sequence = 0;
  const char* const end = id.data() + id.size();
  const auto [at, error] =
      std::from_chars(id.data() + (dash == std::string::npos ? id.size() : dash + 1), end, sequence);
  if (dash == std::string::npos || error != std::errc() || at != end || sequence == 0) {
    throw UsageError("ID \"" + id +
                     "\": expected an ID of the log's own, such as 5f3a9c-42; for a publisher's own ID, use "
                     "millrace tail --since");
  }
  return id.substr(0, dash + 1) + std::to_string(sequence - 1);
}

// Of an event stream's text, the block with this ID: a poll ends after the first events.
std::string block_with(const std::string& stream, const std::string& id) {
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t end = std::min(stream.find("\n\n", at), stream.size());
    const std::string block = stream.substr(at, end - at);
    if (("\n" + block + "\n").find("\nid: " + id + "\n") != std::string::npos &&
        ("\n" + block).find("\ndata") != std::string::npos) {
      return block;
    }
    at = end + 2;
  }
  return {};
}

int inspect(const InspectOptions& options) {
  AdminClient client(options.admin);
  const std::string stream = client.get("/events?topic=**&mode=poll&cursor=none&fields=topic&lastEventId=" +
                                        encode_query_value(id_before(options.id)));
  const std::string block = block_with(stream, options.id);
  if (block.empty()) throw std::runtime_error("the log has no event \"" + printable(options.id) + "\" any more");
  std::size_t at = 0;
  while (at < block.size()) {
    const std::size_t end = std::min(block.find('\n', at), block.size());
    const std::string line = block.substr(at, end - at);
    const bool is_streams_own = at == 0 && line.starts_with("retry: ");  // that of an event comes after its ID
    at = end + 1;
    if (is_streams_own) continue;
    std::cout << printable(line) << '\n';
  }
  return kSuccess;
}

// --- healthcheck ----------------------------------------------------------------------------------------------------

std::string value_of(const Settings& settings, const std::string& option) {
  const auto found =
      std::find_if(settings.begin(), settings.end(), [&](const Setting& one) { return one.option == option; });
  return found == settings.end() || found->values.empty() ? std::string() : found->values.front();
}

// Where a server with these settings answers this machine.
std::string own_url(const Settings& settings) {
  std::string host = value_of(settings, "--host");
  if (host == "0.0.0.0" || host == "localhost") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const bool is_tls = !value_of(settings, "--tls-cert").empty() || value_of(settings, "--tls-dev") == "true";
  return (is_tls ? "https://" : "http://") + (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         value_of(settings, "--port");
}

struct HealthOptions {
  AdminOptions admin;
  std::string config_file;
  bool ready = false;
};

int healthcheck(const HealthOptions& options, const Settings& settings) {
  AdminOptions admin = options.admin;
  if (admin.url.empty()) {
    admin.url = own_url(settings);
    admin.tls.insecure = true;  // its certificate is for another name; the request carries no secret
  }
  const std::string route = options.ready ? "/readyz" : "/healthz";
  const int status = AdminClient(admin).status_of(route);
  if (status == 200) return kSuccess;
  throw std::runtime_error(admin.url + route + (status == 0 ? ": no answer" : ": status " + std::to_string(status)));
}

}  // namespace

void add_kick(CLI::App& app, Command& command) {
  auto options = std::make_shared<KickOptions>();
  CLI::App* kick_app = app.add_subcommand("kick", "End event streams of a running server; their clients may reconnect");
  add_admin_options(*kick_app, options->admin);
  kick_app->add_option("--user", options->user, "Streams of this user");
  kick_app->add_option("--client", options->client, "Streams with this name");
  kick_app->add_option("--topic,-t", options->topic, "Streams that receive this topic");
  kick_app->callback([options, &command] { command = [options] { return kick(*options); }; });
}

void add_topics(CLI::App& app, Command& command) {
  auto options = std::make_shared<AdminOptions>();
  CLI::App* topics_app =
      app.add_subcommand("topics", "Print the topics and patterns that are subscribed to, with their streams");
  add_admin_options(*topics_app, *options);
  topics_app->callback([options, &command] { command = [options] { return topics(*options); }; });
}

void add_inspect(CLI::App& app, Command& command) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* inspect_app = app.add_subcommand("inspect", "Print an event of the log as it is sent, with its topic");
  add_admin_options(*inspect_app, options->admin, "The server's URL, at its main port, such as http://localhost:8080");
  inspect_app->add_option("ID", options->id, "The event's ID")->required();
  inspect_app->callback([options, &command] { command = [options] { return inspect(*options); }; });
}

void add_healthcheck(CLI::App& app, Command& command,
                     std::function<Settings(const std::string& config_file)> settings_of_serve) {
  auto options = std::make_shared<HealthOptions>();
  CLI::App* health_app = app.add_subcommand(
      "healthcheck",
      "Check the health of a server; exit code 0 if it is healthy. Without URL: the server with these options");
  health_app->add_option("URL", options->admin.url, "The server's URL")->configurable(false);
  health_app->add_flag("--ready", options->ready, "Also check that it accepts new streams and events")
      ->configurable(false);
  health_app->callback([options, &app, settings = std::move(settings_of_serve), &command] {
    command = [options, &app, settings] {
      const auto* config = app.get_option("--config");
      return healthcheck(*options, options->admin.url.empty() ? settings(config->as<std::string>()) : Settings());
    };
  });
}

}  // namespace millrace::cli
