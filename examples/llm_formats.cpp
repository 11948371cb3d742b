// Speaks the APIs of three vendors, for their own unmodified clients. A toy takes the place of a model.
//
//   POST   /v1/chat/completions         OpenAI's chat completions, streamed or whole; ends when the client leaves
//   POST   /v1/responses                OpenAI's responses; with "background": true they continue without a client
//   GET    /v1/responses/ID             the response so far; ?stream=true&starting_after=N: the events after number N
//   POST   /v1/responses/ID/cancel      stops it
//   POST   /v1/messages                 Anthropic's messages
//   POST   /api/chat                    the AI SDK's useChat()
//   GET    /api/chat/CHAT               the chat's messages, for a page that reloads
//   GET    /api/chat/CHAT/stream        the running answer (204 if none runs), for useChat({resume: true})
//   DELETE /api/chat/CHAT/stream        stops it

#include <millrace/server/answers.h>
#include <millrace/server/formats/anthropic_messages.h>
#include <millrace/server/formats/chat_completions.h>
#include <millrace/server/formats/error_bodies.h>
#include <millrace/server/formats/last_events.h>
#include <millrace/server/formats/responses.h>
#include <millrace/server/formats/ui_messages.h>
#include <millrace/server/server.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "generation.h"
#include "toy_model.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxKept = 1000;  // answers, and as many chats, that the example keeps

// --- Answers in a format --------------------------------------------------------------------------------------------

/// The newest kMaxKept values, by name.
template <typename Value>
class Kept {
 public:
  void put(const std::string& name, Value value) {
    const std::lock_guard lock(mutex_);
    if (values_.insert_or_assign(name, std::move(value)).second) order_.push_back(name);
    if (order_.size() <= kMaxKept) return;
    values_.erase(order_.front());
    order_.pop_front();
  }
  Value find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name);
    return found == values_.end() ? Value() : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Value> values_;  // guarded by mutex_
  std::deque<std::string> order_;        // guarded by mutex_
};

/// An ID that cannot be guessed: a client that has it may listen and stop.
std::string make_id(const std::string& prefix) {
  std::random_device random;
  std::string id = prefix;
  for (int i = 0; i < 24; ++i) id += "0123456789abcdef"[random() % 16];
  return id;
}

millrace::AnswerHead head_of(const std::string& prefix, const std::string& model) {
  return {.id = make_id(prefix),
          .model = model,
          .created = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())};
}

// --- Requests -------------------------------------------------------------------------------------------------------

struct InvalidField : std::invalid_argument {
  InvalidField(std::string name, const std::string& what)
      : std::invalid_argument(name + ": " + what), field(std::move(name)) {}
  const std::string field;
};

/// A request's body, read with errors that name the field.
class Question {
 public:
  /// Throws InvalidField, like all below.
  explicit Question(const std::string& body) {
    // Deeper nesting is dropped: walking it would exhaust the stack.
    const auto not_too_deep = [](int depth, Json::parse_event_t, Json&) { return depth <= 64; };
    json_ = Json::parse(body, not_too_deep, false);
    if (!json_.is_object()) throw InvalidField("body", "must be a JSON object");
  }

  std::string text(const char* field) const {
    if (!json_.contains(field) || !json_[field].is_string()) throw InvalidField(field, "must be a string");
    return json_[field];
  }
  bool flag(const char* field) const {
    if (!json_.contains(field) || json_[field].is_null()) return false;
    if (!json_[field].is_boolean()) throw InvalidField(field, "must be true or false");
    return json_[field];
  }
  const Json& list(const char* field) const {
    if (!json_.contains(field) || !json_[field].is_array() || json_[field].empty()) {
      throw InvalidField(field, "must be an array that is not empty");
    }
    return json_[field];
  }
  const Json& input() const {
    if (!json_.contains("input")) throw InvalidField("input", "is missing");
    return json_["input"];
  }

 private:
  Json json_;
};

using ErrorBody = std::function<std::string(const InvalidField&)>;

std::string openai_error(const InvalidField& error) {
  return millrace::openai_error_body(error.what(), error.field);
}
std::string anthropic_error(const InvalidField& error) {
  return millrace::anthropic_error_body(error.what());
}
std::string ui_error(const InvalidField& error) {
  return error.what();
}

/// A handler whose InvalidField becomes a 400 in the vendor's form.
httplib::Server::Handler refusing(ErrorBody body, httplib::Server::Handler handler) {
  return [body = std::move(body), handler = std::move(handler)](const httplib::Request& request,
                                                                httplib::Response& response) {
    try {
      handler(request, response);
    } catch (const InvalidField& error) {
      response.status = 400;
      response.set_content(body(error), "application/json");
    }
  };
}

/// The routes, and what they share.
class Service {
 public:
  Service(millrace::Server& server, std::chrono::microseconds pause, std::size_t words)
      : words_(words),
        leaving_(server, {.when_alone = millrace::stop_at_once(),
                          .topic = "requests",
                          .cursor = millrace::CursorForm::kNone,
                          .last_events = millrace::last_events_in_format}),
        staying_(server, {.when_alone = millrace::keep_going(std::chrono::minutes(2)),
                          .topic = "answers",
                          .cursor = millrace::CursorForm::kNone,
                          .last_events = millrace::last_events_in_format}),
        generator_(pause) {
    route_openai(server);
    route_anthropic(server);
    route_ui(server);
  }

 private:
  void route_openai(millrace::Server& server);
  void route_anthropic(millrace::Server& server);
  void route_ui(millrace::Server& server);
  void retrieve(const httplib::Request& request, httplib::Response& response);

  GenerationPtr make(std::unique_ptr<millrace::AnswerFormat> format, const std::string& question) {
    return std::make_shared<Generation>(std::move(format), toy::make_up_words(question, words_));
  }

  void start(const GenerationPtr& generation, millrace::Answer answer) {
    if (!answer) return;  // refused: the response says why
    answer.on_stop([generation] { generation->stopped(); });
    generation->send_to(std::move(answer));
    generator_.start([generation] { return generation->step(); });
  }

  void stream(millrace::Answers& answers, const GenerationPtr& generation, const httplib::Request& request,
              httplib::Response& response) {
    start(generation, answers.begin(request, response, {.id = generation->id(), .note = generation->note()}));
  }

  const std::size_t words_;
  Kept<GenerationPtr> responses_;  // OpenAI's, by their IDs
  struct Chat {
    Json messages;
    GenerationPtr newest;
  };
  Kept<std::shared_ptr<const Chat>> chats_;
  millrace::Answers leaving_;  // they end with their client
  millrace::Answers staying_;
  toy::Generator generator_;
};

void Service::route_openai(millrace::Server& server) {
  server.Post("/v1/chat/completions", refusing(openai_error, [this](const auto& request, auto& response) {
                const Question question(request.body);
                auto format =
                    std::make_unique<millrace::ChatCompletionsFormat>(head_of("chatcmpl-", question.text("model")));
                const auto generation = make(std::move(format), question.list("messages").dump());
                if (question.flag("stream")) return stream(leaving_, generation, request, response);
                response.set_content(generation->whole(), "application/json");
              }));

  server.Post("/v1/responses", refusing(openai_error, [this](const auto& request, auto& response) {
                using Background = millrace::ResponsesFormat::Background;
                const Question question(request.body);
                const bool stays = question.flag("background");
                auto format = std::make_unique<millrace::ResponsesFormat>(head_of("resp_", question.text("model")),
                                                                          stays ? Background::kYes : Background::kNo);
                const auto generation = make(std::move(format), question.input().dump());
                responses_.put(generation->id(), generation);
                if (question.flag("stream")) return stream(stays ? staying_ : leaving_, generation, request, response);
                if (!stays) return response.set_content(generation->whole(), "application/json");
                const auto answer = staying_.begin({.id = generation->id(), .note = generation->note()});
                if (!answer) {
                  response.status = 503;
                  return response.set_content(millrace::openai_error_body("too many answers run", {}, "server_error"),
                                              "application/json");
                }
                start(generation, answer);
                response.set_content(generation->body(), "application/json");
              }));

  server.Get("/v1/responses/([^/]+)",
             refusing(openai_error, [this](const auto& request, auto& response) { retrieve(request, response); }));

  server.Post("/v1/responses/([^/]+)/cancel", refusing(openai_error, [this](const auto& request, auto& response) {
                const std::string id = request.matches[1];
                const GenerationPtr generation = responses_.find(id);
                if (!generation || !generation->stop(staying_)) {
                  response.status = 404;
                  const std::string sentence = "there is no response \"" + id + "\" that runs in the background";
                  return response.set_content(millrace::openai_error_body(sentence), "application/json");
                }
                response.set_content(generation->body(), "application/json");
              }));
}

void Service::retrieve(const httplib::Request& request, httplib::Response& response) {
  const std::string id = request.matches[1];
  const GenerationPtr generation = responses_.find(id);
  const bool streams = request.get_param_value("stream") == "true";
  if (!generation || (streams && !staying_.find(id))) {
    response.status = 404;
    const std::string sentence = "there is no response \"" + id + "\"" + (streams ? " that can be streamed" : "");
    return response.set_content(millrace::openai_error_body(sentence), "application/json");
  }
  if (!streams) return response.set_content(generation->body(), "application/json");
  std::optional<std::uint64_t> events;  // without a number: after the last event ID, which Millrace's clients send
  if (request.has_param("starting_after")) {
    const auto before = millrace::ResponsesFormat::events_before(request.get_param_value("starting_after"));
    if (!before) throw InvalidField("starting_after", "must be a whole number");
    events = before;
  }
  const millrace::Resumed resumed = staying_.resume(request, response, id, {.starting_after = events});
  if (resumed.outcome != millrace::Resumed::Outcome::kWhole || !events) return;
  response.status = 200;  // OpenAI's clients want a stream, even one without events; millrace's stop at the 204
  response.set_content("", "text/event-stream");
}

void Service::route_anthropic(millrace::Server& server) {
  server.Post("/v1/messages", refusing(anthropic_error, [this](const auto& request, auto& response) {
                const Question question(request.body);
                auto format =
                    std::make_unique<millrace::AnthropicMessagesFormat>(head_of("msg_", question.text("model")));
                const auto generation = make(std::move(format), question.list("messages").dump());
                if (question.flag("stream")) return stream(leaving_, generation, request, response);
                response.set_content(generation->whole(), "application/json");
              }));
}

void Service::route_ui(millrace::Server& server) {
  const std::string header(millrace::kUiMessagesHeader);
  const std::string version(millrace::kUiMessagesVersion);

  server.Post("/api/chat", refusing(ui_error, [=, this](const auto& request, auto& response) {
                const Question question(request.body);
                const Json& messages = question.list("messages");
                auto format = std::make_unique<millrace::UiMessagesFormat>(head_of("msg_", "toy"));
                const auto generation = make(std::move(format), messages.back().value("parts", Json()).dump());
                chats_.put(question.text("id"), std::make_shared<const Chat>(Chat{messages, generation}));
                response.set_header(header, version);
                stream(staying_, generation, request, response);
              }));

  server.Get("/api/chat/([^/]+)", [this](const auto& request, auto& response) {
    const auto chat = chats_.find(request.matches[1]);
    Json messages = chat ? chat->messages : Json::array();
    if (chat && chat->newest->is_over()) messages.push_back(Json::parse(chat->newest->body()));
    response.set_content(messages.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
  });

  server.Get("/api/chat/([^/]+)/stream", [=, this](const auto& request, auto& response) {
    const auto chat = chats_.find(request.matches[1]);
    if (!chat || chat->newest->is_over()) {
      response.status = 204;
      return;
    }
    response.set_header(header, version);
    staying_.resume(request, response, chat->newest->id(), {.starting_after = 0});
  });

  server.Delete("/api/chat/([^/]+)/stream", [this](const auto& request, auto& response) {
    const auto chat = chats_.find(request.matches[1]);
    response.status = chat && chat->newest->stop(staying_) ? 204 : 404;
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Answers as OpenAI's, Anthropic's and the AI SDK's servers do, with made-up words"};
  int port = 8080;
  unsigned rate = 20;
  std::size_t words = 64;
  std::string web;
  app.add_option("--port", port, "Port to listen on; 0 picks a free one")->check(CLI::Range(0, 65535));
  app.add_option("--rate", rate, "Words a second")->check(CLI::Range(1u, 100'000u));
  app.add_option("--words", words, "Words of an answer")->check(CLI::Range(1u, 100'000u));
  app.add_option("--web", web, "Folder of files to serve, such as a chat page")->check(CLI::ExistingDirectory);
  CLI11_PARSE(app, argc, argv);

  millrace::Server server;
  const Service service(server, std::chrono::microseconds(1'000'000 / rate), words);
  if (!web.empty()) server.set_mount_point("/", web);
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    std::cerr << "llm_formats: cannot listen on port " << port << std::endl;
    return 1;
  }
  std::cout << "llm_formats: listening on http://127.0.0.1:" << port << std::endl;
  return server.listen_after_bind() ? 0 : 1;
}
