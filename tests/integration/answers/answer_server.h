// AnswerServer: a server with the routes of docs/answers.md, whose producer is the test.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/answers.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {

class AnswerServer {
 public:
  explicit AnswerServer(AnswersOptions options = {}, const ServerOptions& server = {}, BeginOptions begin = {})
      : begin_(std::move(begin)), server_(server, [&](Server& configured) {
          answers_ = std::make_unique<Answers>(configured, std::move(options));
          add_routes(configured);
        }) {}
  ~AnswerServer() { end(); }

  /// The server stops, and then the service ends.
  void end() {
    server_.stop();
    forget_producers();
    answers_.reset();
  }
  void end_service() { answers_.reset(); }

  Answers* operator->() { return answers_.get(); }
  Server& server() { return *server_; }
  RunningServer& running() { return server_; }
  int port() const { return server_.port(); }

  /// Asks, and has the stream's first block.
  StreamClient ask(std::string_view fields = {}, std::string_view body = "why?") {
    return ask(RawClient(port()), fields, body);
  }
  StreamClient ask(RawClient client, std::string_view fields = {}, std::string_view body = "why?") {
    count_request();
    return StreamClient(std::move(client), post("/answers", body, fields));
  }
  RawResponse ask_in_vain(std::string_view fields = {}, std::string_view body = "why?") {
    count_request();
    RawClient client(port());
    return client.exchange(post("/answers", body, fields));
  }
  StreamClient resume(const std::string& id, std::string_view fields = {}, const std::string& query = {}) {
    return StreamClient(port(), "/answers/" + id + query, fields);
  }
  RawResponse resume_in_vain(const std::string& id, std::string_view fields = {}, const std::string& query = {}) {
    RawClient client(port());
    return client.exchange(get("/answers/" + id + query, fields));
  }
  RawResponse stop(const std::string& id, std::string_view fields = {}) {
    RawClient client(port());
    return client.exchange("DELETE /answers/" + id + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n");
  }

  /// The handle that the newest request has got.
  Answer producer() {
    await_handlers();
    const std::lock_guard lock(mutex_);
    return producers_.back();
  }
  /// Lets go of all handles, as a handler does that returns.
  void forget_producers() {
    await_handlers();
    std::vector<Answer> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(producers_);
  }

 private:
  // The handlers of earlier requests have returned, so that the newest handle is the newest request's.
  void count_request() {
    await_handlers();
    ++asked_;
  }
  // A client may have its stream's first block before its handler has returned.
  void await_handlers() {
    const bool has_handled = eventually([this] {
      const std::lock_guard lock(mutex_);
      return handled_ == asked_;
    });
    if (!has_handled) throw std::runtime_error("a handler does not return");
  }
  void add_routes(Server& server) {
    server.Post("/answers", [this](const httplib::Request& request, httplib::Response& response) {
      Answer answer = answers_->begin(request, response, begin_);
      const std::lock_guard lock(mutex_);
      producers_.push_back(std::move(answer));
      ++handled_;
    });
    server.Get("/answers/([^/]+)", [this](const httplib::Request& request, httplib::Response& response) {
      answers_->resume(request, response, request.matches[1].str());
    });
    server.Delete("/answers/([^/]+)", [this](const httplib::Request& request, httplib::Response& response) {
      answers_->stop(request, response, request.matches[1].str());
    });
  }

  const BeginOptions begin_;
  std::size_t asked_ = 0;
  std::mutex mutex_;
  std::size_t handled_ = 0;
  std::vector<Answer> producers_;
  std::unique_ptr<Answers> answers_;
  RunningServer server_;
};

inline std::string id_of(const StreamClient& stream) {
  return stream.head().field("Millrace-Answer");
}

/// Every event that comes until the stream ends, as `type data`, or `data` alone for messages.
inline std::vector<std::string> rest_of(StreamClient& stream) {
  std::vector<std::string> rest;
  while (const auto event = stream.next()) {
    rest.push_back(event->type == "message" ? event->data : event->type + ' ' + event->data);
  }
  return rest;
}

}  // namespace millrace::test
