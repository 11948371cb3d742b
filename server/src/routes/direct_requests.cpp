#include "direct_requests.h"

#include <algorithm>
#include <cassert>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "httplib/direct_exchange.h"
#include "httplib/failure_handler.h"
#include "httplib/httplib_bridge.h"
#include "httplib/httplib_versions.h"
#include "httplib/route_table.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/key_authorizer.h"

namespace millrace {

namespace {

// Whether the path matches only itself: cpp-httplib reads it as a regular expression, and decodes requested paths.
bool is_literal(std::string_view path) {
  constexpr std::string_view kSymbols = "/-_~";
  return path.starts_with('/') && std::all_of(path.begin(), path.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kSymbols.find(c) != std::string_view::npos;
         });
}

struct RequestLine {
  std::string_view method;
  std::string_view path;
  std::string_view query;
};

// Returns nothing for uncommon forms, which cpp-httplib may accept.
std::optional<RequestLine> read_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) return std::nullopt;
  if (line.substr(target_end + 1) != "HTTP/1.1") return std::nullopt;
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::size_t path_end = std::min(target.find('?'), target.size());
  RequestLine read{.method = line.substr(0, method_end), .path = target.substr(0, path_end), .query = {}};
  if (path_end < target.size()) read.query = target.substr(path_end + 1);
  if (read.query.find_first_of("?# ") != std::string_view::npos) return std::nullopt;
  return read;
}

// Whether the request has ranges or an encoded body, which cpp-httplib handles.
bool needs_httplib(const httplib::Headers& headers) {
  return headers.find("Range") != headers.end() || headers.find("Content-Encoding") != headers.end();
}

// As cpp-httplib does for each request. Costs two calls of the system, so only for an authorizer that may look.
void set_addresses(httplib::Request& request, const Exchange& exchange) {
  auto [client, client_port] = client_endpoint(exchange);
  auto [local, local_port] = local_endpoint(exchange);
  request.remote_addr = std::move(client);
  request.remote_port = client_port;
  request.local_addr = std::move(local);
  request.local_port = local_port;
}

}  // namespace

void DirectRequests::start(httplib::Server& server, const std::vector<std::string>& paths,
                           const ServerOptions& options) {
  get_paths_.clear();
  post_paths_.clear();
  const HttplibInsides insides = look_into(server);
  default_headers_ = insides.default_headers;
  keep_alive_ = keep_alive_terms(insides);
  has_websockets_ = insides.has_websockets;
  max_body_bytes_ = std::min<std::uint64_t>(insides.max_body_bytes, kMaxDirectBodyBytes);
  shows_addresses_ =
      options.authorizer != nullptr && dynamic_cast<const KeyAuthorizer*>(options.authorizer.get()) == nullptr;
  const bool may_block = options.store != nullptr || (options.authorizer != nullptr && options.authorizer->may_block());
  const bool runs_user_code =
      insides.has_hooks || insides.error != nullptr || insides.exception.target<FailureHandler>() == nullptr;
  if (runs_user_code || may_block) return;
  const RouteTable routes(server);
  for (const std::string& path : paths) {
    if (!is_literal(path)) continue;
    if (!insides.has_files && routes.gets_by<SubscribeHandler>(path)) get_paths_.push_back(path);
    if (routes.posts_by<PublishHandler>(path)) post_paths_.push_back(path);
  }
}

bool DirectRequests::takes(const Exchange& exchange, std::string_view method, std::string_view path) const {
  const RequestHead& head = exchange.head;
  if (head.chunked || head.expects_continue || head.http_1_0 || head.is_multipart) return false;
  const auto holds = [path](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  if (method == "GET") return head.content_length == 0 && holds(get_paths_);
  return method == "POST" && head.content_length > 0 && head.content_length <= max_body_bytes_ && holds(post_paths_);
}

bool DirectRequests::serve(Exchange& exchange, std::string_view request_bytes) const {
  const std::string_view head = request_bytes.substr(0, exchange.head.bytes);
  const std::size_t line_end = head.find("\r\n");
  const auto line = read_request_line(head.substr(0, line_end));
  if (!line || !takes(exchange, line->method, line->path)) return false;
  const std::string_view body =
      request_bytes.substr(head.size(), static_cast<std::size_t>(exchange.head.content_length));

  httplib::Request request;
  if (!read_fields(head.substr(line_end + 2), request.headers) || needs_httplib(request.headers)) return false;
  if (has_websockets_ && request.has_header("Upgrade")) return false;
  request.method = line->method;
  request.path = line->path;
  request.target =
      head.substr(line->method.size() + 1, line_end - line->method.size() - std::string_view("  HTTP/1.1").size());
  request.version = "HTTP/1.1";
  if (!line->query.empty()) read_query(line->query, request.params);
  if (shows_addresses_) set_addresses(request, exchange);
  HttplibBridge::attach(request, exchange, nullptr);

  assert(exchange.input.empty() && !exchange.taken);
  exchange.on_loop = true;
  httplib::Response response;
  response.version = request.version;
  response.headers = default_headers_;
  try {
    if (request.method == "GET") {
      routes_.subscribe(request, response);
    } else {
      routes_.publish(request, response, body);
    }
  } catch (...) {
    FailureHandler{&routes_.options()}(request, response, std::current_exception());
  }
  if (!exchange.taken) write_answer(response, keep_alive_, exchange);
  return true;
}

}  // namespace millrace
