#include "publish.h"

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/field_value.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "millrace/core/topic.h"
#include "millrace/server/limits.h"
#include "parse_json.h"
#include "post_client.h"
#include "terminal_text.h"
#include "tls.h"

namespace millrace::cli {

namespace {

struct PublishOptions {
  std::string url;
  std::vector<std::string> topics;
  std::string event;
  std::string id;
  std::string data;
  std::vector<std::string> headers;
  TlsClientOptions tls;
  bool ndjson = false;
  bool http2_prior_knowledge = false;
};

void check(const PublishOptions& options) {
  if (options.ndjson && (options.data != "-" || !options.event.empty() || !options.id.empty())) {
    throw UsageError(
        "--ndjson needs - as the data, and cannot be combined with --event or --id: each line has its own");
  }
  if (options.topics.empty() && !options.ndjson) {
    throw UsageError("--topic is required; see millrace publish --help");
  }
  for (const std::string& topic : options.topics) {
    if (Topic::parse(topic)) continue;
    throw UsageError("--topic \"" + topic + "\": not a valid topic; expected segments separated by /, without *");
  }
  if (!EventType::parse(options.event)) {
    throw UsageError("--event: expected an event type without line ends, of at most " +
                     std::to_string(kMaxEventTypeBytes) + " bytes");
  }
  if (!EventId::parse(options.id)) {
    throw UsageError("--id: expected an event ID without line ends, of at most " + std::to_string(kMaxEventIdBytes) +
                     " bytes");
  }
  if (options.data == "-" && !options.id.empty()) {
    throw UsageError("--id names one event, but - publishes one for each line; remove one of them");
  }
}

std::string text_of(const nlohmann::ordered_json& body) {
  try {
    return body.dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::runtime_error("the data is not valid UTF-8, which event streams require");
  }
}

// A string, or an array of several.
nlohmann::ordered_json topic_of(const PublishOptions& options) {
  if (options.topics.size() == 1) return options.topics.front();
  return options.topics;
}

std::string request_body(const PublishOptions& options, const std::string& data) {
  nlohmann::ordered_json body;
  body["topic"] = topic_of(options);
  if (!options.event.empty()) body["event"] = options.event;
  if (!options.id.empty()) body["id"] = options.id;
  body["data"] = data;
  return text_of(body);
}

// The object of a line. The server checks its fields.
nlohmann::ordered_json object_in(const PublishOptions& options, const std::string& line) {
  auto body = parse_json<nlohmann::ordered_json>(line, kMaxPublishBytes);
  if (!body.is_object()) throw std::runtime_error("not a JSON object");
  if (!body.contains("topic")) {
    if (options.topics.empty()) throw std::runtime_error("no \"topic\" in the object, and no --topic");
    body["topic"] = topic_of(options);
  }
  return body;
}

// A line of `tail --json` has `type` instead of `event`, and may have an empty ID.
bool is_from_tail(const nlohmann::ordered_json& body) {
  return body.contains("type") && body["type"].is_string() && body.contains("id") && body["id"].is_string() &&
         !body.contains("event");
}

// The error message of the server's answer.
std::string refusal(const PostClient::Answer& response) {
  const auto body = parse_json(response.body);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) {
    return printable(body["error"].get<std::string>());
  }
  return "the server answered " + std::to_string(response.status) +
         " without a Millrace server's error message; check the URL";
}

class Publisher {
 public:
  explicit Publisher(const PublishOptions& options)
      : client_(events_url(options.url), parse_headers(options.headers), options.tls, options.http2_prior_knowledge) {}

  /// The event's ID. Throws std::runtime_error with what went wrong.
  std::string publish(const std::string& body) {
    const PostClient::Answer answer = client_.post(body);
    if (answer.status != 200) throw std::runtime_error(refusal(answer));
    const auto json = parse_json(answer.body);
    if (!json.is_object() || !json.contains("id") || !json["id"].is_string()) {
      throw std::runtime_error("the answer of " + client_.url().text() +
                               " has no event ID; check that it is a Millrace server");
    }
    return printable(json["id"].get<std::string>());
  }

 private:
  PostClient client_;
};

// Shows the progress of a long input on stderr if that is a terminal, unless the IDs are printed on it, too.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) std::cerr << "\r\x1b[K" << std::flush;
  }
  void count() {
    if (++published_ % kStep != 0 || !wanted_) return;
    shown_ = true;
    std::cerr << "\r\x1b[Kmillrace: " << published_ << " events published" << std::flush;
  }

 private:
  static constexpr std::uint64_t kStep = 100;  // events
  const bool wanted_ = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0;
  bool shown_ = false;
  std::uint64_t published_ = 0;
};

// Publishes an event that another server has sent. IDs that a publisher cannot give, such as those of a log in memory,
// get a prefix. Returns nothing for an event of that server itself.
std::optional<std::string> publish_again(nlohmann::ordered_json body, Publisher& publisher) {
  const auto type = body["type"].get<std::string>();
  const auto id = body["id"].get<std::string>();
  if (type.starts_with(protocol::kReservedPrefix)) return std::nullopt;
  body.erase("type");
  if (type != protocol::kDefaultEventType) body["event"] = type;
  if (id.empty()) body.erase("id");
  try {
    return publisher.publish(text_of(body));
  } catch (const std::runtime_error& refused) {
    if (id.empty() || !std::string_view(refused.what()).starts_with("id: ")) throw;
  }
  body["id"] = "upstream:" + id;
  return publisher.publish(text_of(body));
}

std::optional<std::string> publish_line(const PublishOptions& options, const std::string& line, Publisher& publisher) {
  if (!options.ndjson) return publisher.publish(request_body(options, line));
  auto body = object_in(options, line);
  return is_from_tail(body) ? publish_again(std::move(body), publisher) : publisher.publish(text_of(body));
}

void publish_lines(const PublishOptions& options, Publisher& publisher) {
  ProgressLine progress;
  std::string line;
  for (std::uint64_t number = 1; std::getline(std::cin, line); ++number) {
    if (options.ndjson && line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      if (const auto id = publish_line(options, line, publisher)) {
        std::cout << *id << std::endl;
      } else {
        std::cerr << "millrace: line " << number << ": skipped, since it is an event of the server itself\n";
      }
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("line " + std::to_string(number) + ": " + error.what());
    }
    progress.count();
  }
}

int publish(const PublishOptions& options) {
  check(options);
  Publisher publisher(options);
  std::signal(SIGPIPE, SIG_IGN);  // otherwise TLS would end the program when a server hangs up
  if (options.data == "-") {
    publish_lines(options, publisher);
  } else {
    std::cout << publisher.publish(request_body(options, options.data)) << std::endl;
  }
  return kSuccess;
}

}  // namespace

void add_publish(CLI::App& app, Command& command) {
  auto options = std::make_shared<PublishOptions>();
  CLI::App* publish_app = app.add_subcommand("publish", "Publish an event and print its ID");
  publish_app->add_option("URL", options->url, "The server's URL, such as http://localhost:8080")->required();
  publish_app->add_option("DATA", options->data, "The event's data; - publishes each line of standard input")
      ->required();
  publish_app->add_option("--topic,-t", options->topics, "Publish to this topic; repeated: one event of several topics")
      ->type_name("TOPIC")
      ->allow_extra_args(false);
  publish_app->add_flag(
      "--ndjson", options->ndjson,
      "The lines of standard input are JSON objects with data and optionally topic, event, id and retry, as POST "
      "/events accepts them, or lines of tail --json");
  publish_app->add_option("--event,-e", options->event, "The event's type; default: `message`")->type_name("TYPE");
  publish_app->add_option("--id", options->id, "The event's ID; default: the server chooses one")->type_name("ID");
  publish_app->add_option("--header,-H", options->headers, "Send this header; can be repeated")
      ->type_name("\"NAME: VALUE\"")
      ->allow_extra_args(false);
  add_http2_client(*publish_app, options->http2_prior_knowledge);
  add_tls_client(*publish_app, options->tls);
  publish_app->callback([options, &command] { command = [options] { return publish(*options); }; });
}

}  // namespace millrace::cli
