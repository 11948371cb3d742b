#include "direct_requests.h"

#include <algorithm>
#include <cassert>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "connection/connection.h"
#include "connection/connection_loop.h"
#include "http/error_response.h"
#include "httplib/direct_exchange.h"
#include "httplib/failure_handler.h"
#include "httplib/httplib_bridge.h"
#include "httplib/httplib_versions.h"
#include "httplib/refusal.h"
#include "httplib/route_table.h"
#include "millrace/server/authorizer.h"
#include "shares/publish_work.h"

namespace millrace {

namespace {

constexpr std::string_view kVersion = "HTTP/1.1";

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
  if (line.substr(target_end + 1) != kVersion) return std::nullopt;
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::size_t path_end = std::min(target.find('?'), target.size());
  RequestLine read{.method = line.substr(0, method_end), .path = target.substr(0, path_end), .query = {}};
  if (path_end < target.size()) read.query = target.substr(path_end + 1);
  if (read.query.find_first_of("?# ") != std::string_view::npos) return std::nullopt;
  return read;
}

std::string_view body_of(const Exchange& exchange, std::string_view request) {
  return request.substr(exchange.head.bytes, static_cast<std::size_t>(exchange.head.content_length));
}

// Whether the request has ranges or an encoded body, which cpp-httplib handles.
bool needs_httplib(const httplib::Headers& headers) {
  return headers.find("Range") != headers.end() || headers.find("Content-Encoding") != headers.end();
}

// As cpp-httplib does for each request. Costs two system calls, so only for an authorizer that reads them.
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
  waits_for_store_ = options.store != nullptr;
  const HttplibInsides insides = look_into(server);
  default_headers_ = insides.default_headers;
  keep_alive_ = keep_alive_terms(insides);
  has_websockets_ = insides.has_websockets;
  max_body_bytes_ =
      std::min<std::uint64_t>(insides.max_body_bytes, waits_for_store_ ? kMaxBufferedBodyBytes : kMaxDirectBodyBytes);
  may_block_ = options.authorizer != nullptr && options.authorizer->may_block();
  shows_addresses_ = options.authorizer != nullptr && (may_block_ || options.authorizer->reads_addresses());
  const bool runs_user_code =
      insides.has_hooks || insides.error != nullptr || insides.exception.target<FailureHandler>() == nullptr;
  if (runs_user_code || (may_block_ && !waits_for_store_)) return;
  const RouteTable routes(server);
  for (const std::string& path : paths) {
    if (!is_literal(path)) continue;
    // Whoever subscribes may have to wait for the store, on a worker.
    const bool can_subscribe = !insides.has_files && !waits_for_store_;
    if (can_subscribe && routes.gets_by<SubscribeHandler>(path)) get_paths_.push_back(path);
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

// Returns false if cpp-httplib must read the request.
bool DirectRequests::read(Exchange& exchange, std::string_view bytes, httplib::Request& request,
                          bool is_for_worker) const {
  const std::string_view head = bytes.substr(0, exchange.head.bytes);
  const std::size_t line_end = head.find("\r\n");
  const auto line = read_request_line(head.substr(0, line_end));
  if (!line || !takes(exchange, line->method, line->path)) return false;
  if (!read_fields(head.substr(line_end + 2), request.headers) || needs_httplib(request.headers)) return false;
  if (has_websockets_ && request.has_header("Upgrade")) return false;
  request.method = line->method;
  request.path = line->path;
  request.target =
      head.substr(line->method.size() + 1, line_end - line->method.size() - std::string_view("  HTTP/1.1").size());
  request.version = kVersion;
  if (!line->query.empty()) read_query(line->query, request.params);
  if (shows_addresses_) set_addresses(request, exchange);
  HttplibBridge::attach(request, exchange, nullptr, is_for_worker);
  return true;
}

httplib::Response DirectRequests::empty_response() const {
  httplib::Response response;
  response.version = kVersion;
  response.headers = default_headers_;
  return response;
}

void DirectRequests::fail(const httplib::Request& request, httplib::Response& response,
                          const std::exception_ptr& failure) const {
  FailureHandler{&routes_.options()}(request, response, failure);
}

void DirectRequests::write(httplib::Response& response, Exchange& exchange) const {
  write_answer(response, keep_alive_, exchange);
  count_(exchange.status, exchange.refusal);
}

bool DirectRequests::serve(Exchange& exchange, std::string_view request_bytes) const {
  httplib::Request request;
  if (waits_for_store_ || publish_work(body_of(exchange, request_bytes)) > kMaxDirectWork) return false;
  if (!read(exchange, request_bytes, request)) return false;
  assert(exchange.input.empty() && !exchange.taken);
  exchange.on_loop = true;
  httplib::Response response = empty_response();
  try {
    if (request.method == "GET") {
      routes_.subscribe(request, response);
    } else {
      routes_.publish(request, response, body_of(exchange, request_bytes));
    }
  } catch (...) {
    fail(request, response, std::current_exception());
  }
  if (!exchange.taken) write(response, exchange);
  return true;
}

// --- With a store ---------------------------------------------------------------------------------------------------

// Has everything that the answer needs. Only its results come from another thread than the loop's.
class DirectRequests::LatePublish final : public CommitQueue::Job {
 public:
  LatePublish(const DirectRequests& direct, std::shared_ptr<Exchange> exchange)
      : Job(exchange->loop.commits().source()),
        direct_(direct),
        exchange_(std::move(exchange)),
        response_(direct.empty_response()) {}

  /// Returns false if a worker must answer.
  bool read(bool is_for_worker) { return direct_.read(*exchange_, exchange_->input, request_, is_for_worker); }

  /// Returns false if there is nothing to publish: finish() completes the response.
  bool plan() noexcept {
    try {
      is_planned_ = direct_.routes_.plan(request_, response_, body_of(*exchange_, exchange_->input), plan_) && hold();
    } catch (...) {
      publish_failed(std::current_exception());
    }
    return is_planned_;
  }

  std::span<const Publication> publications() const override { return plan_.publications; }

  void publish_done(std::span<Published> results) noexcept override {
    try {
      results_.assign(std::move_iterator(results.begin()), std::move_iterator(results.end()));
    } catch (const std::bad_alloc&) {
      publish_failed(std::current_exception());
    }
  }

  void publish_failed(const std::exception_ptr& failure) noexcept override { failure_ = failure; }

  void finish() override {
    try {
      if (failure_ != nullptr) std::rethrow_exception(failure_);
      if (is_planned_) direct_.routes_.answer(request_, response_, plan_, results_);
    } catch (...) {
      direct_.fail(request_, response_, std::current_exception());
    }
    static_cast<void>(exchange_->share.resize(exchange_->input.size()));  // less always fits
    exchange_->consumed = exchange_->head.bytes + static_cast<std::size_t>(exchange_->head.content_length);
    direct_.write(response_, *exchange_);
    exchange_->connection.finish(*exchange_);
  }

  LoopCommits& commits() const { return exchange_->loop.commits(); }

 private:
  // Many small events take many times the bytes of their request while they wait.
  bool hold() {
    if (exchange_->share.resize(exchange_->input.size() + plan_.bytes())) return true;
    response_.set_header("Retry-After", std::to_string(kRetryAfter.count() / 1000));
    refuse(request_, response_, 503, RefusalReason::kMemory, kNoMemory);
    return false;
  }

  const DirectRequests& direct_;
  const std::shared_ptr<Exchange> exchange_;
  httplib::Request request_;
  httplib::Response response_;
  PublishPlan plan_;
  bool is_planned_ = false;
  std::vector<Published> results_;
  std::exception_ptr failure_;
};

bool DirectRequests::needs_worker(std::string_view body) const {
  return may_block_ || body.size() > kMaxDirectBodyBytes || publish_work(body) > kMaxDirectWork;
}

bool DirectRequests::publish_later(const std::shared_ptr<Exchange>& exchange) const {
  if (!waits_for_store_ || exchange->is_upload()) return false;
  const bool is_for_worker = needs_worker(body_of(*exchange, exchange->input));
  CommitQueue::Jobs one;
  one.push_back(std::make_unique<LatePublish>(*this, exchange));
  auto& late = static_cast<LatePublish&>(*one.front());
  if (!late.read(is_for_worker)) return false;
  if (is_for_worker) return plan_on_worker(late, one);
  if (late.plan()) return late.commits().add(one);
  // Not here: the connection is still busy with passing the request on.
  late.commits().take_back(one);
  return true;
}

// On the worker nothing throws: an exception there would end the program. (A task must be copyable, and a job is not.)
bool DirectRequests::plan_on_worker(LatePublish& late, CommitQueue::Jobs& one) const {
  return run_on_worker_([&late, held = std::make_shared<CommitQueue::Jobs>(std::move(one))] {
    LoopCommits& commits = late.commits();
    if (!late.plan()) return commits.take_back(*held);
    // The queue stops only after the workers.
    const bool is_added = commits.add_at_once(*held);
    assert(is_added);
    static_cast<void>(is_added);
  });
}

}  // namespace millrace
