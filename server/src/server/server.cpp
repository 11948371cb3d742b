#include "millrace/server/server.h"

#include <sys/socket.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/option_time.h"
#include "engine/engine.h"
#include "httplib/failure_handler.h"
#include "httplib/httplib_bridge.h"
#include "httplib/httplib_versions.h"
#include "log/gzip_block.h"
#include "millrace/server/event_store.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/limits.h"
#include "thread_name.h"

namespace millrace {

namespace {

void check_durability(const ServerOptions& options) {
  const Durability required = options.publishing.durability;
  const Durability promised = options.store != nullptr ? options.store->durability() : Durability::kMemory;
  if (covers(promised, required)) return;
  std::string problem = "the store promises \"" + std::string(name_of(promised)) +
                        "\", which does not cover the required \"" + std::string(name_of(required)) + "\"";
  for (const std::string& warning : options.store != nullptr ? options.store->warnings() : std::vector<std::string>()) {
    problem.append("; ").append(warning);
  }
  throw InvalidOption("ServerOptions::publishing.durability", problem);
}

httplib::TaskQueue* named_workers(std::size_t count) {
  const NameOfNewThreads name("millrace-worker");
  return new httplib::ThreadPool(count);
}

void check_rate(const std::optional<double>& rate) {
  if (!rate || (std::isfinite(*rate) && *rate > 0)) return;
  throw InvalidOption("ServerOptions::publishing.rate", "must be more than 0 events a second; omit it for no bound");
}

void check(const ServerOptions& options) {
  constexpr Duration kUsual{1};
  const auto require = [](bool good, const char* field, const char* problem) {
    if (!good) throw InvalidOption(std::string("ServerOptions::") + field, problem);
  };
  require(options.threads.workers > 0, "threads.workers", "must be at least 1");
  require(options.threads.loops != 0, "threads.loops", "must be at least 1; omit it for one a core");
  require(options.threads.max_uploads != 0, "threads.max_uploads", "must be at least 1");
  require(options.threads.max_downloads != 0, "threads.max_downloads", "must be at least 1");
  require(options.history.events > 0, "history.events", "must be at least 1");
  require(options.history.bytes > 0, "history.bytes", "must be at least 1");
  for (const OwnedTopicPattern& pattern : options.history.retain) {
    require(!pattern.get().is_reserved(), "history.retain", "must not contain a reserved topic (millrace.…)");
  }
  require(options.history.retain.size() == 0 || options.store == nullptr || options.store->retains(), "history.retain",
          "the store keeps no event beyond its bounds; use memory, SQLite, files, PostgreSQL or Redis, or omit it");
  require(options.shares.max_connections > 0, "shares.max_connections", "must be at least 1");
  require(options.http.max_head_bytes > 0, "http.max_head_bytes", "must be at least 1");
  require(options.http.max_body_bytes > 0, "http.max_body_bytes", "must be at least 1");
  require(options.http.max_buffered_bytes > 0, "http.max_buffered_bytes", "must be at least 1");
  check_rate(options.publishing.rate);
  check_durability(options);
  require(is_time(options.history.age.value_or(kUsual)), "history.age", kExpectedTime);
  require(!options.streams.gzip || has_gzip(), "streams.gzip",
          "this build of Millrace has no zlib; build it with the CMake option MILLRACE_WITH_ZLIB=ON");
  require(is_time_or_zero(options.streams.retry), "streams.retry", kExpectedTimeOrZero);
  require(is_time(options.streams.heartbeat), "streams.heartbeat", kExpectedTime);
  require(is_time(options.streams.unacknowledged_timeout), "streams.unacknowledged_timeout", kExpectedTime);
  require(options.http.max_http2_streams > 0 && options.http.max_http2_streams <= kHttp2MaxStreams,
          "http.max_http2_streams", "must be 1 to 1,000; set http.http2 to false for no HTTP/2");
  require(is_time(options.http.head_deadline), "http.head_deadline", kExpectedTime);
  require(is_time(options.http.body_deadline), "http.body_deadline", kExpectedTime);
  if (!options.tls) return;
  require(is_time(options.tls->handshake_deadline), "tls.handshake_deadline", kExpectedTime);
  require(options.tls->max_handshakes > 0, "tls.max_handshakes", "must be at least 1");
}

ServerOptions with_log_of(const ServerOptions& other, ServerOptions options) {
  if (options.store != nullptr) {
    throw InvalidOption("ServerOptions::store",
                        "must be null for a server on the log of another server: it uses that server's store");
  }
  options.history = other.history;
  options.store = other.store;
  options.publishing.durability = other.publishing.durability;
  return options;
}

void check_window(Duration window) {
  if (!is_time_or_zero(window)) throw std::invalid_argument(std::string("window: ") + kExpectedTimeOrZero);
}

// The queue to which cpp-httplib passes accepted sockets. Millrace accepts all of them before cpp-httplib would;
// listen() ends when this queue shuts down.
class InlineQueue final : public httplib::TaskQueue {
 public:
  explicit InlineQueue(std::function<void()> on_shutdown) : on_shutdown_(std::move(on_shutdown)) {}
  EnqueueResult enqueue(std::function<void()> task) override {
    task();
    return static_cast<EnqueueResult>(true);
  }
  void shutdown() override { on_shutdown_(); }

 private:
  std::function<void()> on_shutdown_;
};

// Replaces cpp-httplib's option, with which several programs could share a port and split its connections. A port that
// an earlier server has just closed can still be used.
void refuse_shared_port(socket_t socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

Server::Server(const ServerOptions& options, built_with::ThisCppHttplib /*compiled_with*/) {
  check(options);
  engine_ = std::make_unique<Engine>(*this, options);
  set_up(options);
}

Server::Server(Server& log_of, const ServerOptions& options, built_with::ThisCppHttplib /*compiled_with*/) {
  const ServerOptions on_its_log = with_log_of(log_of.options(), options);
  check(on_its_log);
  engine_ = std::make_unique<Engine>(*this, on_its_log, *log_of.engine_);
  set_up(on_its_log);
}

void Server::set_up(const ServerOptions& options) {
  new_task_queue = [workers = options.threads.workers] { return named_workers(workers); };
  set_exception_handler(FailureHandler{&engine_->options()});
  set_socket_options(refuse_shared_port);
  set_payload_max_length(static_cast<std::size_t>(options.http.max_body_bytes));
  set_keep_alive_max_count(kKeepAliveRequests);
  set_keep_alive_timeout(static_cast<time_t>(kKeepAliveTimeout.count() / 1000));
}

Server::~Server() {
  if (engine_->workers().is_in_user_code()) {
    std::fputs("millrace: do not destroy a Server in one of its own handlers or callbacks: it would wait for itself\n",
               stderr);
    std::terminate();
  }
  engine_->listening().end_for_good();
}

Hub& Server::hub() {
  return engine_->hub();
}

bool Server::listen(const std::string& host, int port, int socket_flags) {
  const Listening::Session session = engine_->listening().enter();
  return session && bind_to_port(host, port, socket_flags) && serve();
}

bool Server::listen_after_bind() {
  const Listening::Session session = engine_->listening().enter();
  return session && serve();
}

void Server::stop() noexcept {
  engine_->listening().stop();
}

void Server::stop(Duration window) {
  check_window(window);
  engine_->stop_within(window);
}

bool Server::serve() {
  // Runs however serve() ends, also if a loop cannot be created.
  struct End {
    ~End() {
      server.engine_->stop();
      server.new_task_queue = make_workers;
    }
    Server& server;
    const std::function<httplib::TaskQueue*()> make_workers;
  } const end{*this, new_task_queue};
  // cpp-httplib calls new_task_queue after it has begun to run and before it accepts. Its own accept loop ends at most
  // errors; here Millrace accepts all connections before that loop begins.
  new_task_queue = [this, make_workers = end.make_workers] {
    engine_->start(std::unique_ptr<httplib::TaskQueue>(make_workers()));
    engine_->listening().can_stop_by([this] { httplib::Server::stop(); });
    engine_->announce_listening();
    engine_->accept_from(look_into(*this).listening_socket);
    return new InlineQueue([this] { engine_->stop(); });
  };
  // cpp-httplib listens with a backlog of 5, which a burst of connections overflows. At this point stop() cannot close
  // the socket yet.
  const int socket = engine_->socket_to_accept_from(look_into(*this).listening_socket);
  engine_->reception().prepare(socket);
  ::listen(socket, SOMAXCONN);
  return httplib::Server::listen_after_bind();
}

void Server::bind_to_socket(int listening_socket) {
  give_socket(*this, engine_->take_socket(listening_socket));
}

void Server::set_cors(const ServerOptions::Cors& cors) {
  engine_->admission().change(cors);
}

void Server::set_publish_rate(std::optional<double> rate, std::optional<std::size_t> burst) {
  check_rate(rate);
  engine_->admission().change_publish_rate(rate, burst);
}

void Server::reload_tls() {
  engine_->reload_tls();
}

const ServerOptions& Server::options() const {
  return engine_->options();
}

SendingWays Server::sending() const {
  return engine_->loops().sending();
}

std::vector<Metric> Server::metrics() const {
  return engine_->metrics();
}

Server& Server::events(const std::string& path) {
  engine_->add_events(path);
  return *this;
}

Server& Server::operations() {
  engine_->add_operations();
  return *this;
}

Server& Server::health() {
  engine_->add_health();
  return *this;
}

Server& Server::operations_at(Server& other) {
  engine_->add_operations_to(other.engine_->guarded());
  return *this;
}

Server& Server::guarded(GuardedRoute route) {
  engine_->guarded().add(std::move(route));
  return *this;
}

bool Server::admits(const httplib::Request& request, httplib::Response& response) const {
  return engine_->admission().enter(request, response);
}

std::vector<std::pair<std::string, std::string>> Server::guarded_routes() const {
  return engine_->guarded().all();
}

Subscribed Server::subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options) {
  return engine_->streams().subscribe(request, response, std::move(options));
}

EventStream Server::open_stream(const httplib::Request& request, httplib::Response& response) {
  return engine_->streams().open_stream(request, response);
}

void Server::allow_body(const httplib::Request& request, std::uint64_t max_bytes) {
  HttplibBridge::allow_body(request, max_bytes);
}

void Server::drain(Duration window) {
  check_window(window);
  engine_->drain(window);
}

std::vector<SubscriptionInfo> Server::subscriptions() const {
  return engine_->loops().subscriptions().result;
}

std::size_t Server::disconnect(std::string_view client) {
  return engine_->loops().disconnect(client).result;
}

std::size_t Server::disconnect(const StreamSelection& selection, const Farewell& farewell) {
  if (farewell.retry && (*farewell.retry < Duration{0} || *farewell.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("retry: must be 0 to " + std::to_string(kMaxReconnectionTime.count()) + " ms");
  }
  if (farewell.retry && farewell.for_good) {
    throw std::invalid_argument(
        "retry: has no effect with for_good, which keeps clients from reconnecting; leave out one of them");
  }
  return engine_->loops().disconnect(selection, farewell).result;
}

std::size_t Server::open_streams() const {
  return engine_->loops().open_streams();
}

// httplib::Server::listen() calls it for each accepted socket.
bool Server::process_and_close_socket(socket_t socket) {
  engine_->reception().refuse(socket);
  return true;
}

}  // namespace millrace
