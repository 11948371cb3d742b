// Streams answers as OpenAI's API does, from a toy that makes up words in place of a model.
//
//   POST /v1/chat/completions     {"model","messages","stream"?,"max_tokens"?}, as OpenAI's clients send it
//   GET  /v1/answers/ID           detached: the answer after the header Last-Event-ID; 204 if nothing is left
//   GET  /v1/answers              the newest answers, and how many words of each are sent
//
// There are two policies for a client that leaves early. With --policy cancel the generation stops, so that no word
// without a reader costs anything. With --policy detached it continues into a topic of the hub, and a client whose
// connection broke returns for the rest. millrace/server/answers.h has both policies ready: see answers.cpp.

#include <millrace/server/server.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "toy_model.h"

namespace {

using Json = nlohmann::ordered_json;

/// A client in the middle of a sentence reconnects soon.
constexpr millrace::Duration kRetry{500};

// --- Questions and answers ------------------------------------------------------------------------------------------

struct Answer {
  std::string id;
  std::string model;
  std::int64_t created = 0;
  std::deque<std::string> words;
  std::atomic<std::size_t> sent = 0;
  std::atomic<const char*> state = "generating";

  std::string topic() const { return "answers/" + id; }

  Json head(const char* object) const {
    return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
  }
  std::string chunk(const Json& delta, const Json& finish_reason) const {
    Json body = head("chat.completion.chunk");
    body["choices"] = {{{"index", 0}, {"delta", delta}, {"finish_reason", finish_reason}}};
    return body.dump();
  }
  std::string whole() const {
    std::string text;
    for (const std::string& word : words) text += word;
    Json body = head("chat.completion");
    body["choices"] = {
        {{"index", 0}, {"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", "stop"}}};
    return body.dump();
  }
};
using AnswerPtr = std::shared_ptr<Answer>;

/// The newest answers, for GET /v1/answers.
class Answers {
 public:
  AnswerPtr add(const std::string& model, std::deque<std::string> words) {
    const std::lock_guard lock(mutex_);
    auto answer = std::make_shared<Answer>();
    answer->id = "chatcmpl-" + std::to_string(++last_);
    answer->model = model;
    answer->created = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    answer->words = std::move(words);
    answers_.push_back(answer);
    if (answers_.size() > kKept) answers_.pop_front();
    return answer;
  }

  std::string list() const {
    const std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (const AnswerPtr& answer : answers_) {
      list.push_back({{"id", answer->id},
                      {"sent", answer->sent.load()},
                      {"words", answer->words.size()},
                      {"state", answer->state.load()}});
    }
    return list.dump();
  }

 private:
  static constexpr std::size_t kKept = 100;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::deque<AnswerPtr> answers_;
};

struct Question {
  std::string model;
  std::string text;
  std::size_t max_tokens = 64;
  bool stream = false;
};

/// Throws std::invalid_argument if the body is not a question; the message names the field.
Question parse_question(const std::string& body) {
  constexpr std::size_t kMostTokens = 10'000;
  // Deeper nesting is dropped: walking it would exhaust the stack.
  const auto not_too_deep = [](int depth, Json::parse_event_t, Json&) { return depth <= 64; };
  const Json json = Json::parse(body, not_too_deep, false);
  if (!json.is_object()) throw std::invalid_argument("body: must be a JSON object");
  if (!json.contains("model") || !json["model"].is_string()) throw std::invalid_argument("model: must be a string");
  if (!json.contains("messages") || !json["messages"].is_array() || json["messages"].empty()) {
    throw std::invalid_argument("messages: must be an array of at least one message");
  }
  Question question{.model = json["model"], .text = json["messages"].dump()};
  if (const auto stream = json.find("stream"); stream != json.end()) {
    if (!stream->is_boolean()) throw std::invalid_argument("stream: must be true or false");
    question.stream = *stream;
  }
  if (const auto tokens = json.find("max_tokens"); tokens != json.end()) {
    if (!tokens->is_number_unsigned() || *tokens < 1 || *tokens > kMostTokens) {
      throw std::invalid_argument("max_tokens: must be 1 to " + std::to_string(kMostTokens));
    }
    question.max_tokens = *tokens;
  }
  return question;
}

void refuse(httplib::Response& response, const std::string& sentence) {
  response.status = 400;
  const Json error = {{"message", sentence}, {"type", "invalid_request_error"}};
  response.set_content(Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
}

// --- Streaming ------------------------------------------------------------------------------------------------------

/// Sends one event after the other by `send`, which returns whether the stream goes on.
toy::Generator::Step steps(const AnswerPtr& answer, std::function<bool(const std::string& data)> send,
                           std::function<void()> complete) {
  return [answer, send = std::move(send), complete = std::move(complete), begun = false]() mutable {
    const std::size_t next = answer->sent;
    bool heard = true;
    if (!std::exchange(begun, true)) {
      heard = send(answer->chunk({{"role", "assistant"}, {"content", ""}}, nullptr));
    } else if (next < answer->words.size()) {
      heard = send(answer->chunk({{"content", answer->words[next]}}, nullptr));
      if (heard) ++answer->sent;
    } else {
      answer->state = "complete";  // before a client can ask, having read the end
      send(answer->chunk(Json::object(), "stop"));
      send("[DONE]");
      complete();
      return false;
    }
    if (!heard) answer->state = "cancelled";
    return heard;
  };
}

/// The generation belongs to the request, and ends with it.
void stream_cancelling(millrace::Server& server, toy::Generator& generator, const AnswerPtr& answer,
                       const httplib::Request& request, httplib::Response& response) {
  const millrace::EventStream stream = server.open_stream(request, response);
  stream.on_close([answer] { std::clog << answer->id << ": over after " << answer->sent << " words" << std::endl; });
  generator.start(steps(
      answer, [stream](const std::string& data) { return stream.send({.data = data}).is_sent(); },
      [stream] { stream.close(); }));
}

/// The generation is independent of requests: this one, and a client that returns for the rest, listen to its topic.
void stream_detached(millrace::Server& server, toy::Generator& generator, const AnswerPtr& answer,
                     const httplib::Request& request, httplib::Response& response) {
  // OpenAI's clients read the data of events of every type: they get no cursor between the words.
  const auto cursor = millrace::CursorForm::kNone;
  if (!server.subscribe(request, response, {.topics = {answer->topic()}, .cursor = cursor, .retry = kRetry})) return;
  millrace::Hub& hub = server.hub();
  generator.start(steps(
      answer,
      [&hub, topic = answer->topic()](const std::string& data) {
        return static_cast<bool>(hub.publish(topic, {.data = data}));  // false: the log's store has failed
      },
      [&hub, topic = answer->topic()] { static_cast<void>(hub.finish(topic)); }));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Answers questions like OpenAI's API, with made-up words"};
  int port = 8080;
  unsigned rate = 20;
  std::string policy = "cancel";
  app.add_option("--port", port, "Port to listen on; 0 picks a free one")->check(CLI::Range(0, 65535));
  app.add_option("--rate", rate, "Words a second")->check(CLI::Range(1u, 100'000u));
  app.add_option("--policy", policy, "What happens to an answer when its client leaves")
      ->check(CLI::IsMember({"cancel", "detached"}));
  CLI11_PARSE(app, argc, argv);

  millrace::Server server;
  toy::Generator generator(std::chrono::microseconds(1'000'000 / rate));
  Answers answers;

  server.Post("/v1/chat/completions", [&](const httplib::Request& request, httplib::Response& response) {
    try {
      const Question question = parse_question(request.body);
      const AnswerPtr answer = answers.add(question.model, toy::make_up_words(question.text, question.max_tokens));
      if (!question.stream) {
        answer->sent = answer->words.size();
        answer->state = "complete";
        response.set_content(answer->whole(), "application/json");
      } else if (policy == "cancel") {
        stream_cancelling(server, generator, answer, request, response);
      } else {
        stream_detached(server, generator, answer, request, response);
      }
    } catch (const std::invalid_argument& failure) {
      refuse(response, failure.what());
    }
  });
  server.Get("/v1/answers", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(answers.list(), "application/json");
  });
  server.Get("/v1/answers/(chatcmpl-[0-9]+)", [&](const httplib::Request& request, httplib::Response& response) {
    server.subscribe(request, response, {.topics = {"answers/" + request.matches[1].str()}, .retry = kRetry});
  });

  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    std::cerr << "llm_stream: cannot listen on port " << port << std::endl;
    return 1;
  }
  std::cout << "llm_stream: listening on http://127.0.0.1:" << port << std::endl;
  return server.listen_after_bind() ? 0 : 1;
}
