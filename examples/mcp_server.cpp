// An MCP server (Streamable HTTP): a tool that reports its progress, whose call survives a cut connection.
//
// A call's response is an answer: its ID is made of the session's and the request's, so that a client that comes back
// with nothing but a last event ID (GET), or cancels a request by its number, names the answer by that.

#include <millrace/server/answers.h>
#include <millrace/server/server.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

namespace {

using Json = nlohmann::json;

std::string result(const Json& id, const Json& value) {
  return Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", value}}.dump();
}

std::string error(const Json& id, int code, const std::string& message) {
  return Json{{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}}.dump();
}

void reply(httplib::Response& response, const std::string& json, int status = 200) {
  response.status = status;
  response.set_content(json, "application/json");
}

std::string new_session() {
  std::random_device random;
  return std::to_string(random()) + std::to_string(random()) + std::to_string(random());
}

std::string answer_id(const httplib::Request& request, const Json& id) {
  return request.get_header_value("Mcp-Session-Id") + '.' + (id.is_string() ? id.get<std::string>() : id.dump());
}

// The tool: counts to a number, and says so as it goes.
void count(const millrace::Answer& answer, const Json& id, const Json& params) {
  const int to = params.value("/arguments/to"_json_pointer, 10);
  const Json token = params.value("/_meta/progressToken"_json_pointer, Json());
  for (int i = 1; i <= to; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Json progress = {{"progressToken", token}, {"progress", i}, {"total", to}};
    const Json notice = {{"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", progress}};
    if (!(token.is_null() ? answer.is_running() : answer.send({.data = notice.dump()}))) return;  // cancelled
  }
  const Json text = {{"type", "text"}, {"text", "counted to " + std::to_string(to)}};
  answer.send({.data = result(id, {{"content", {text}}})});
}

const Json kTool = {{"name", "count"},
                    {"description", "Counts to a number"},
                    {"inputSchema", {{"type", "object"}, {"properties", {{"to", {{"type", "integer"}}}}}}}};

void serve(millrace::Answers& answers, const httplib::Request& request, httplib::Response& response) {
  const auto not_deep = [](int depth, Json::parse_event_t, Json&) { return depth <= 32; };
  const Json message = Json::parse(request.body, not_deep, false);
  if (!message.is_object()) return reply(response, error(nullptr, -32700, "not a JSON-RPC message"), 400);
  const Json id = message.value("id", Json());
  const Json method = message.value("method", Json());
  const Json params = message.value("params", Json::object());
  if (method == "initialize") {
    response.set_header("Mcp-Session-Id", new_session());
    return reply(response, result(id, {{"protocolVersion", params.value("protocolVersion", "2025-11-25")},
                                       {"capabilities", {{"tools", Json::object()}}},
                                       {"serverInfo", {{"name", "counter"}, {"version", "1"}}}}));
  }
  if (method == "notifications/cancelled") answers.stop(answer_id(request, params.value("requestId", Json())));
  if (id.is_null()) {
    response.status = 202;  // a notification
  } else if (method == "tools/list") {
    reply(response, result(id, {{"tools", {kTool}}}));
  } else if (method == "tools/call" && params.value("name", "") == "count") {
    const auto answer = answers.begin(request, response, {.id = answer_id(request, id)});
    std::thread([answer, id, params] { count(answer, id, params); }).detach();
  } else {
    reply(response, error(id, -32601, "there is no such method or tool"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  millrace::Server server;
  millrace::Answers answers(server, {.when_alone = millrace::keep_going(std::chrono::minutes(1))});
  server.Post("/mcp", [&](const auto& request, auto& response) { serve(answers, request, response); });
  server.Get("/mcp", [&](const auto& request, auto& response) {
    const std::string id = millrace::Answers::id_in(request);
    if (id.empty()) return reply(response, error(nullptr, -32000, "there is no stream but those of calls"), 405);
    answers.resume(request, response, id);
  });
  const int port = argc > 1 ? std::stoi(argv[1]) : server.bind_to_any_port("127.0.0.1");
  std::cout << "http://127.0.0.1:" << port << "/mcp" << std::endl;
  return (argc > 1 ? server.listen("127.0.0.1", port) : server.listen_after_bind()) ? 0 : 1;
}
