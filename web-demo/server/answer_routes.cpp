#include "answer_routes.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "answer_words.h"
#include "demo_event.h"
#include "json_response.h"
#include "parse_json.h"

namespace millrace::demo {

namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kRetry{1'500};  // short: the reader is in the middle of a sentence
constexpr std::chrono::milliseconds kBeat{10};
constexpr std::chrono::milliseconds kPause{35};  // between two tokens

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= Answers::kMaxIdBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

std::string topic_of(const std::string& id) {
  return "demo/answers/" + id;
}

struct Question {
  std::string id;
  std::string prompt;
  bool chinese = false;
};

std::optional<std::string> text_of(const Json& json, const char* field) {
  const auto value = json.find(field);
  if (value == json.end() || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

// Returns nothing, after answering, if the body is not a question.
std::optional<Question> question_of(const std::string& body, httplib::Response& response) {
  const Json json = parse_json<Json>(body);
  if (!json.is_object()) return refuse(response, 400, "body: must be a JSON object"), std::nullopt;
  const auto id = text_of(json, "id");
  if (!id || !is_id(*id)) {
    refuse(response, 400, "id: must be 1 to " + std::to_string(Answers::kMaxIdBytes) + " letters, digits and -");
    return std::nullopt;
  }
  const auto prompt = text_of(json, "prompt");
  if (!prompt || prompt->empty() || prompt->size() > Answers::kMaxPromptBytes) {
    refuse(response, 400, "prompt: must have 1 to " + std::to_string(Answers::kMaxPromptBytes) + " bytes");
    return std::nullopt;
  }
  return Question{.id = *id, .prompt = *prompt, .chinese = text_of(json, "language") == "zh"};
}

}  // namespace

Answers::Answers(Server& server, DemoAccess access) : server_(server), beat_(kBeat, [this] { generate(); }) {
  server.guarded(
      {.method = "POST",
       .path = "/demo/answers",
       .right = right_to_administer(access),
       .handler = [this](const httplib::Request& request, httplib::Response& response) { ask(request, response); }});
  server.guarded({.method = "DELETE",
                  .path = "/demo/answers/(.*)",
                  .right = right_to_administer(access),
                  .handler = [this](const httplib::Request& request, httplib::Response& response) {
                    stop(request.matches[1], response);
                  }});
}

void Answers::ask(const httplib::Request& request, httplib::Response& response) {
  const auto question = question_of(request.body, response);
  if (!question) return;
  const bool again = request.has_header("Last-Event-ID");
  {
    const MutexLock lock(mutex_);
    if (!again && running_.contains(question->id))
      return refuse(response, 409, "id: already has an answer in progress");
    if (!again && running_.size() >= kMaxAtOnce) return refuse(response, 503, "prompt: too many answers at once");
  }
  // The client's name is the answer's ID, so that a page can cut only this stream.
  if (!server_.subscribe(request, response,
                         {.topics = {topic_of(question->id)}, .client = question->id, .retry = kRetry})) {
    return;
  }
  if (again) return;
  const MutexLock lock(mutex_);
  running_[question->id] = {.tokens = answer_tokens(question->prompt, question->chinese),
                            .due = std::chrono::steady_clock::now()};
}

void Answers::stop(const std::string& id, httplib::Response& response) {
  const MutexLock lock(mutex_);
  const auto answer = running_.find(id);
  if (answer == running_.end()) return refuse(response, 404, "id: no answer in progress");
  const std::size_t sent = answer->second.sent;
  finish(id, sent, "stopped");
  running_.erase(answer);
  respond(response, 200, {{"tokens", sent}});
}

void Answers::generate() {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  for (auto next = running_.begin(); next != running_.end();) {
    const auto answer = next++;
    if (now >= answer->second.due && !write(answer->first, answer->second)) running_.erase(answer);
  }
}

bool Answers::write(const std::string& id, Answer& answer) {
  if (answer.sent == answer.tokens.size()) {
    finish(id, answer.sent, "complete");
    return false;
  }
  const std::string& token = answer.tokens[answer.sent++];
  publish(server_.hub(),
          {.topic = topic_of(id), .type = "token", .data = Json{{"n", answer.sent}, {"text", token}}.dump()});
  answer.due += kPause;
  return true;
}

void Answers::finish(const std::string& id, std::size_t tokens, const char* reason) {
  const std::string topic = topic_of(id);
  publish(server_.hub(), {.topic = topic, .type = "done", .data = Json{{"n", tokens}, {"reason", reason}}.dump()});
  static_cast<void>(server_.hub().finish(topic));  // if the store fails, the answer's end is lost, too
}

}  // namespace millrace::demo
