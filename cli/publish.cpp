#include "publish.h"

#include <httplib.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "millrace/core/field_value.h"
#include "millrace/core/topic.h"

namespace millrace::cli {

namespace {

struct PublishOptions {
  std::string url;
  std::string topic;
  std::string event;
  std::string id;
  std::string data;
};

void check(const PublishOptions& options) {
  if (!Topic::parse(options.topic)) {
    throw UsageError("--topic \"" + options.topic + "\": not a topic; expected segments separated by /, without *");
  }
  if (!EventType::parse(options.event)) {
    throw UsageError("--event: an event type has no line ends and at most " + std::to_string(kMaxEventTypeBytes) +
                     " bytes");
  }
  if (!EventId::parse(options.id)) {
    throw UsageError("--id: an event ID has no line ends and at most " + std::to_string(kMaxEventIdBytes) + " bytes");
  }
  if (options.data == "-" && !options.id.empty()) {
    throw UsageError("--id names one event, and - publishes one for each line; leave one of them out");
  }
}

std::string request_body(const PublishOptions& options, const std::string& data) {
  nlohmann::ordered_json body{{"topic", options.topic}};
  if (!options.event.empty()) body["event"] = options.event;
  if (!options.id.empty()) body["id"] = options.id;
  body["data"] = data;
  try {
    return body.dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::runtime_error("the data is not valid UTF-8, which event streams are made of");
  }
}

std::string describe(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "no server answers there";
    case httplib::Error::ConnectionTimeout:
      return "no server answers there in time";
    case httplib::Error::Read:
      return "the server gave no answer";
    case httplib::Error::SSLServerVerification:
      return "the server's certificate is not accepted";
    default:
      return httplib::to_string(error);
  }
}

// What the server's answer says went wrong.
std::string refusal(const httplib::Response& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) return body["error"];
  return "the server answered " + std::to_string(response.status) +
         ", which is not a Millrace server's refusal: is the "
         "URL right?";
}

class Publisher {
 public:
  explicit Publisher(const PublishOptions& options)
      : options_(options), url_(events_url(options.url)), client_(url_.origin()) {
    client_.set_keep_alive(true);
    client_.set_url_encode(false);
    client_.set_tcp_nodelay(true);
  }

  /// The event's ID. Throws std::runtime_error with what went wrong.
  std::string publish(const std::string& data) {
    const auto result = client_.Post(url_.target, request_body(options_, data), "application/json");
    if (!result) throw std::runtime_error("cannot reach " + url_.origin() + ": " + describe(result.error()));
    if (result->status != 200) throw std::runtime_error(refusal(*result));
    const auto answer = nlohmann::json::parse(result->body, nullptr, false);
    if (!answer.is_object() || !answer.contains("id") || !answer["id"].is_string()) {
      throw std::runtime_error("the answer of " + url_.text() + " holds no event ID: is this a Millrace server?");
    }
    return answer["id"];
  }

 private:
  const PublishOptions& options_;
  Url url_;
  httplib::Client client_;
};

int publish(const PublishOptions& options) {
  check(options);
  Publisher publisher(options);
  std::signal(SIGPIPE, SIG_IGN);  // cpp-httplib's TLS would end the program where a server hangs up
  if (options.data != "-") {
    std::cout << publisher.publish(options.data) << std::endl;
    return kSuccess;
  }
  std::string line;
  for (std::uint64_t number = 1; std::getline(std::cin, line); ++number) {
    try {
      std::cout << publisher.publish(line) << std::endl;
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("line " + std::to_string(number) + ": " + error.what());
    }
  }
  return kSuccess;
}

}  // namespace

void add_publish(CLI::App& app, Command& command) {
  auto options = std::make_shared<PublishOptions>();
  CLI::App* publish_app = app.add_subcommand("publish", "Publish an event and print its ID");
  publish_app->add_option("URL", options->url, "Of the server: http://localhost:8080")->required();
  publish_app->add_option("DATA", options->data, "The event's data; - publishes each line of the standard input")
      ->required();
  publish_app->add_option("--topic,-t", options->topic, "Publish to this topic")->type_name("TOPIC")->required();
  publish_app->add_option("--event,-e", options->event, "The event's type; without it, `message`")->type_name("TYPE");
  publish_app->add_option("--id", options->id, "The event's ID; without it, the server gives one")->type_name("ID");
  publish_app->callback([options, &command] { command = [options] { return publish(*options); }; });
}

}  // namespace millrace::cli
