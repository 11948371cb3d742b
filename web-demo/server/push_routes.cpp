#include "push_routes.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "json_response.h"
#include "millrace/server/limits.h"
#include "millrace/server/server.h"

namespace millrace::demo {

namespace {

using Request = httplib::Request;
using Response = httplib::Response;

constexpr Duration kRetry{5'000};

std::string topic_in_query(const Request& request) {
  return "users/" + request.get_param_value("uid");
}

std::string topic_in_path(const Request& request) {
  return "users/" + std::string(request.matches[1]);
}

bool holds_message(const Request& request) {
  return request.has_param("id") || request.has_param("message");
}

// The answer while the store fails. Only the log gets the reason; clients retry at different times.
void refuse_for_now(Response& response) {
  refuse(response, 503, "the store is not available at the moment; the server's log has the reason");
  response.set_header("Retry-After", std::to_string(1 + std::random_device{}() % 3));
}

// Returns the uid of the query; nothing, after answering, if it is invalid.
std::optional<std::string> uid_of(const Request& request, Response& response) {
  std::string uid = request.get_param_value("uid");
  if (const auto error = PushService::uid_error(uid)) {
    refuse(response, 400, *error);
    return std::nullopt;
  }
  return uid;
}

void send(PushService& push, const std::string& uid, const std::string& id, const std::string& message,
          Response& response) {
  using Outcome = PushService::Sent::Outcome;
  const PushService::Sent sent = push.send(uid, id, message);
  switch (sent.outcome) {
    case Outcome::kNotConnected:
      return refuse(response, 404, sent.sentence);
    case Outcome::kStoreUnavailable:
      return refuse_for_now(response);
    case Outcome::kInvalid:
      return refuse(response, 400, sent.sentence);
    case Outcome::kSent:
    case Outcome::kRepeated:
      respond(response, 200, {{"id", sent.id}, {"repeated", sent.outcome == Outcome::kRepeated}});
  }
}

// The body. Returns nothing if it is too large, after answering, or incomplete: then the server answers, with the
// reason.
std::optional<std::string> body_of(const httplib::ContentReader& read_content, Response& response) {
  std::string body;
  bool too_large = false;
  const bool complete = read_content([&](const char* data, std::size_t size) {
    too_large = body.size() + size > kMaxPublishBytes;
    if (!too_large) body.append(data, size);
    return !too_large;
  });
  if (complete) return body;
  if (too_large) refuse(response, 413, "message: larger than " + std::to_string(kMaxPublishBytes) + " bytes");
  return std::nullopt;
}

}  // namespace

PushRoutes::PushRoutes(Server& server, DemoAccess access)
    : push_(server, {.retry = kRetry}), feed_(push_, std::random_device{}()) {
  add_streams(server, access);
  add_messages(server, access);
  add_ends(server, access);
}

void PushRoutes::close(const std::string& uid, Response& response) {
  feed_.forget(uid);
  const PushService::Closed closed = push_.close(uid);
  if (!closed) return refuse_for_now(response);
  respond(response, 200, {{"closed", closed.streams}});
}

void PushRoutes::add_streams(Server& server, DemoAccess access) {
  server.guarded({.method = "GET",
                  .path = "/push/createSse",
                  .changes_things = true,
                  .right = right_to(access, Authorizer::Action::kSubscribe, topic_in_query),
                  .handler = [this](const Request& request, Response& response) {
                    if (const auto uid = uid_of(request, response)) push_.connect(request, response, *uid);
                  }});
}

void PushRoutes::add_messages(Server& server, DemoAccess access) {
  auto to_listen = right_to(access, Authorizer::Action::kSubscribe, topic_in_query);
  auto to_send = right_to(access, Authorizer::Action::kPublish, topic_in_query);
  GuardedRoute::RightOf to_do_either;
  if (to_listen != nullptr) {
    to_do_either = [to_listen, to_send](const Request& request) {
      return holds_message(request) ? to_send(request) : to_listen(request);
    };
  }
  server.guarded({.method = "GET",
                  .path = "/push/sendMsg",
                  .changes_things = true,
                  .right = std::move(to_do_either),
                  .handler = [this](const Request& request, Response& response) {
                    const auto uid = uid_of(request, response);
                    if (!uid) return;
                    if (holds_message(request)) {
                      return send(push_, *uid, request.get_param_value("id"), request.get_param_value("message"),
                                  response);
                    }
                    if (push_.connect(request, response, *uid)) feed_.start(*uid);
                  }});
  server.guarded(
      {.method = "PUT",
       .path = "/push/users/(.*)/messages/(.*)",
       .right = right_to(access, Authorizer::Action::kPublish, topic_in_path),
       .body_handler = [this](const Request& request, Response& response, const httplib::ContentReader& read_content) {
         const auto message = body_of(read_content, response);
         if (message) send(push_, request.matches[1], request.matches[2], *message, response);
       }});
}

void PushRoutes::add_ends(Server& server, DemoAccess access) {
  server.guarded({.method = "GET",
                  .path = "/push/closeSse",
                  .changes_things = true,
                  .right = right_to_administer(access),
                  .handler = [this](const Request& request, Response& response) {
                    if (const auto uid = uid_of(request, response)) close(*uid, response);
                  }});
  server.guarded({.method = "DELETE",
                  .path = "/push/users/(.*)/connections",
                  .right = right_to_administer(access),
                  .handler = [this](const Request& request, Response& response) {
                    const std::string uid = request.matches[1];
                    if (const auto error = PushService::uid_error(uid)) return refuse(response, 400, *error);
                    close(uid, response);
                  }});
}

}  // namespace millrace::demo
