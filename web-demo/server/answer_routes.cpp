#include "answer_routes.h"

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <utility>

#include "answer_words.h"
#include "json_response.h"
#include "millrace/server/event_store.h"
#include "parse_json.h"

namespace millrace::demo {

namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kBeat{10};
constexpr std::chrono::milliseconds kPause{35};  // between two tokens
constexpr Duration kAlone{120'000};              // a reload, or a closed laptop, is no reason to stop

// Where servers share a store, each needs a name. This one changes with each start: what an earlier one was writing
// ends when the others have not heard from it for a while.
std::string node_name(const Server& server) {
  const auto& store = server.options().store;
  return store != nullptr && store->is_shared() ? "demo-" + std::to_string(std::random_device{}()) : std::string();
}

struct Question {
  std::string prompt;
  bool chinese = false;
};

std::optional<std::string> text_of(const Json& json, const char* field) {
  const auto value = json.find(field);
  if (value == json.end() || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

// Returns nothing, after refusing the request, if the body is not a question.
std::optional<Question> question_of(const std::string& body, httplib::Response& response) {
  const Json json = parse_json<Json>(body);
  if (!json.is_object()) return refuse(response, 400, "body: must be a JSON object"), std::nullopt;
  const auto prompt = text_of(json, "prompt");
  if (!prompt || prompt->empty() || prompt->size() > AnswerRoutes::kMaxPromptBytes) {
    refuse(response, 400, "prompt: must have 1 to " + std::to_string(AnswerRoutes::kMaxPromptBytes) + " bytes");
    return std::nullopt;
  }
  return Question{.prompt = *prompt, .chinese = text_of(json, "language") == "zh"};
}

std::string client_of(const httplib::Request& request) {
  return request.get_param_value("client").substr(0, kMaxClientNameBytes);
}

}  // namespace

AnswerRoutes::AnswerRoutes(Server& server, DemoAccess access)
    : answers_(server, {.when_alone = keep_going(kAlone),
                        .topic = "demo/answers",
                        .max_running = kMaxAtOnce,
                        .max_kept = kMaxKept,
                        .node = node_name(server)}),
      beat_(kBeat, [this] { write_due(); }) {
  const auto add = [&](const char* method, const char* path, httplib::Server::Handler handler) {
    server.guarded(
        {.method = method, .path = path, .right = right_to_administer(access), .handler = std::move(handler)});
  };
  add("POST", "/demo/answers", [this](const auto& request, auto& response) { ask(request, response); });
  add("GET", "/demo/answers/([^/]+)", [this](const auto& request, auto& response) {
    answers_.resume(request, response, request.matches[1].str(), {.client = client_of(request)});
  });
  add("DELETE", "/demo/answers/([^/]+)",
      [this](const auto& request, auto& response) { answers_.stop(request, response, request.matches[1].str()); });
}

void AnswerRoutes::ask(const httplib::Request& request, httplib::Response& response) {
  const auto question = question_of(request.body, response);
  if (!question) return;
  Answer answer = answers_.begin(request, response, {.client = client_of(request)});
  if (!answer) return;
  const MutexLock lock(mutex_);
  writing_.push_back({.answer = std::move(answer),
                      .tokens = answer_tokens(question->prompt, question->chinese),
                      .due = std::chrono::steady_clock::now()});
}

void AnswerRoutes::write_due() {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  std::erase_if(writing_, [now](Writing& writing) { return now >= writing.due && !write(writing); });
}

// False when the answer is over.
bool AnswerRoutes::write(Writing& writing) {
  if (writing.sent == writing.tokens.size()) {
    writing.answer.send({.type = "done", .data = "{}"});
    writing.answer.finish();
    return false;
  }
  writing.due += kPause;
  return writing.answer.send({.type = "token", .data = Json{{"text", writing.tokens[writing.sent++]}}.dump()});
}

}  // namespace millrace::demo
