#include "millrace/server/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "http/connection.h"
#include "http/connection_loop.h"
#include "http/error_response.h"
#include "http/event_routes.h"
#include "http/httplib_bridge.h"
#include "stream/event_stream_state.h"

namespace millrace {

namespace {

void check(const ServerOptions& options) {
  const auto require = [](bool good, const char* sentence) {
    if (!good) throw std::invalid_argument(sentence);
  };
  require(options.workers > 0, "ServerOptions::workers must be at least 1");
  require(options.history_events > 0, "ServerOptions::history_events must be at least 1");
  require(options.history_bytes > 0, "ServerOptions::history_bytes must be at least 1");
  require(options.max_connections > 0, "ServerOptions::max_connections must be at least 1");
  require(options.history_age >= Duration{0}, "ServerOptions::history_age must not be negative");
  require(options.retry >= Duration{0}, "ServerOptions::retry must not be negative");
  require(options.heartbeat > Duration{0}, "ServerOptions::heartbeat must be longer than 0");
  require(options.unacknowledged_timeout > Duration{0}, "ServerOptions::unacknowledged_timeout must be longer than 0");
  require(options.request_head_deadline > Duration{0}, "ServerOptions::request_head_deadline must be longer than 0");
  require(options.request_body_deadline > Duration{0}, "ServerOptions::request_body_deadline must be longer than 0");
}

// Tells the IDs of this log's life from those of another.
std::string random_epoch() {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::uniform_int_distribution<std::size_t> index(0, kAlphabet.size() - 1);
  std::string epoch(8, ' ');
  for (char& c : epoch) c = kAlphabet[index(device)];
  return epoch;
}

}  // namespace

// Loops and workers exist while the server listens.
class Server::Engine {
 public:
  Engine(Server& server, const ServerOptions& options)
      : server_(server),
        options_(options),
        hub_({.history_events = options.history_events,
              .history_bytes = options.history_bytes,
              .history_age = options.history_age,
              .epoch = random_epoch(),
              .clock = monotonic_now}),
        routes_(hub_, options_) {}

  void start(std::unique_ptr<httplib::TaskQueue> workers);
  void stop();
  void accept(int socket);
  void run_on_worker(const std::function<void()>& task);
  std::size_t disconnect(std::string_view client);
  std::size_t open_streams() const;

  Hub& hub() { return hub_; }
  const EventRoutes& routes() const { return routes_; }

 private:
  void dispatch(const std::shared_ptr<Exchange>& exchange);
  bool enqueue(std::function<void()> task);

  Server& server_;
  const ServerOptions options_;
  Hub hub_;
  const EventRoutes routes_;

  mutable std::mutex loops_mutex_;
  std::vector<std::unique_ptr<ConnectionLoop>> loops_;  // changed under loops_mutex_, by the thread that listens
  std::unique_ptr<HttplibBridge> bridge_;
  std::mutex workers_mutex_;
  bool workers_running_ = false;  // guarded by workers_mutex_: they take tasks
  std::unique_ptr<httplib::TaskQueue> workers_;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::size_t> next_loop_ = 0;
};

void Server::Engine::start(std::unique_ptr<httplib::TaskQueue> workers) {
  const auto milliseconds = [](time_t seconds, time_t microseconds) {
    return Duration{static_cast<Duration::rep>(seconds) * 1000 + static_cast<Duration::rep>(microseconds) / 1000};
  };
  const ConnectionLoop::Settings settings{
      .options = options_,
      .read_timeout = milliseconds(server_.read_timeout_sec_, server_.read_timeout_usec_),
      .write_timeout = milliseconds(server_.write_timeout_sec_, server_.write_timeout_usec_),
      .keep_alive = milliseconds(server_.keep_alive_timeout_sec_, 0),
      .max_requests = server_.keep_alive_max_count_};
  bridge_ = std::make_unique<HttplibBridge>(
      [this](httplib::Stream& stream, bool close_connection, bool& connection_closed,
             const std::function<void(httplib::Request&)>& setup_request) {
        return server_.process_request(stream, close_connection, connection_closed, setup_request);
      },
      settings.read_timeout, settings.write_timeout);
  {
    const std::lock_guard lock(workers_mutex_);
    workers_ = std::move(workers);
    workers_running_ = true;
  }
  const std::size_t count = options_.loops > 0 ? options_.loops : std::max(1u, std::thread::hardware_concurrency());
  const std::lock_guard lock(loops_mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<ConnectionLoop>(
        hub_, settings, connections_, [this](const std::shared_ptr<Exchange>& exchange) { dispatch(exchange); }));
  }
  // cpp-httplib listens with a backlog of 5, which a burst of connections overflows.
  ::listen(server_.svr_sock_, SOMAXCONN);
}

// No lock is held while handlers end: they may well be asking the engine for something.
void Server::Engine::stop() {
  {
    const std::lock_guard lock(workers_mutex_);
    if (!std::exchange(workers_running_, false)) return;
  }
  workers_->shutdown();  // what has been asked is still answered
  std::vector<std::unique_ptr<ConnectionLoop>> loops;
  {
    const std::lock_guard lock(loops_mutex_);
    loops.swap(loops_);
  }
  loops.clear();
  workers_.reset();
  bridge_.reset();
}

void Server::Engine::accept(int socket) {
  if (connections_ >= options_.max_connections) {
    const std::string response = error_response({503, "the server has as many connections as it may hold"});
    [[maybe_unused]] const auto sent = ::send(socket, response.data(), response.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(socket);
    return;
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  loops_[next_loop_++ % loops_.size()]->adopt(socket);
}

void Server::Engine::dispatch(const std::shared_ptr<Exchange>& exchange) {
  const bool enqueued = enqueue([this, exchange] {
    bridge_->serve(*exchange);
    if (!exchange->taken) exchange->loop.defer([exchange] { exchange->connection.finish(*exchange); });
  });
  if (!enqueued) exchange->loop.defer([exchange] { exchange->connection.close(); });
}

void Server::Engine::run_on_worker(const std::function<void()>& task) {
  if (!enqueue(task)) task();
}

// False if the workers take no more.
bool Server::Engine::enqueue(std::function<void()> task) {
  const std::lock_guard lock(workers_mutex_);
  if (workers_running_) workers_->enqueue(std::move(task));
  return workers_running_;
}

std::size_t Server::Engine::disconnect(std::string_view client) {
  const std::lock_guard lock(loops_mutex_);
  std::size_t cut = 0;
  for (const auto& loop : loops_) cut += loop->disconnect(client);
  return cut;
}

std::size_t Server::Engine::open_streams() const {
  const std::lock_guard lock(loops_mutex_);
  std::size_t open = 0;
  for (const auto& loop : loops_) open += loop->open_streams();
  return open;
}

namespace {

// cpp-httplib gives each accepted socket to a task queue. Handing it to a loop never blocks, so that this one needs no
// thread; its end is where listen() ends.
class InlineQueue final : public httplib::TaskQueue {
 public:
  explicit InlineQueue(std::function<void()> on_shutdown) : on_shutdown_(std::move(on_shutdown)) {}
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override { on_shutdown_(); }

 private:
  std::function<void()> on_shutdown_;
};

}  // namespace

Server::Server(const ServerOptions& options) {
  check(options);
  engine_ = std::make_unique<Engine>(*this, options);
  new_task_queue = [workers = options.workers] { return new httplib::ThreadPool(workers); };
  set_keep_alive_max_count(kKeepAliveRequests);
  set_keep_alive_timeout(static_cast<time_t>(kKeepAliveTimeout.count() / 1000));
}

Server::~Server() {
  stop();
  engine_->stop();
}

Hub& Server::hub() {
  return engine_->hub();
}

bool Server::listen(const std::string& host, int port, int socket_flags) {
  return bind_to_port(host, port, socket_flags) && listen_after_bind();
}

bool Server::listen_after_bind() {
  const auto make_workers = new_task_queue;
  new_task_queue = [this, make_workers] {
    engine_->start(std::unique_ptr<httplib::TaskQueue>(make_workers()));
    return new InlineQueue([this] { engine_->stop(); });
  };
  const bool listened = httplib::Server::listen_after_bind();
  new_task_queue = make_workers;
  return listened;
}

Server& Server::events(const std::string& path) {
  Get(path, [this](const httplib::Request& request, httplib::Response& response) {
    engine_->routes().subscribe(request, response);
  });
  Post(path, [this](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read) {
    engine_->routes().publish(request, response, read);
  });
  return *this;
}

EventStream Server::open_stream(const httplib::Request& request, httplib::Response& response) {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  const bool chunked = !exchange.head.http_1_0;
  auto state = std::make_shared<EventStream::State>(
      [engine = engine_.get()](const EventStream::State::Task& task) { engine->run_on_worker(task); }, chunked);
  set_event_stream_headers(response);
  exchange.loop.defer([&connection = exchange.connection, head = HttplibBridge::take_response(request, response),
                       chunked, state]() mutable { connection.stream(std::move(head), chunked, std::move(state)); });
  return EventStream(std::move(state));
}

std::size_t Server::disconnect(std::string_view client) {
  return engine_->disconnect(client);
}

std::size_t Server::open_streams() const {
  return engine_->open_streams();
}

// Called by listen() for each accepted socket.
bool Server::process_and_close_socket(socket_t socket) {
  engine_->accept(socket);
  return true;
}

}  // namespace millrace
