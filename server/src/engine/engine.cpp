#include "engine.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "base/failure.h"
#include "base/peer_address.h"
#include "base/random_tag.h"
#include "connection/connection.h"
#include "http/error_response.h"
#include "log/event_log.h"
#include "log/pinned_bytes.h"
#include "routes/metrics.h"
#include "routes/operation_routes.h"

namespace millrace {

namespace {

// The socket option TCP_RTO_MAX_MS of Linux 6.15, which not all systems' headers know.
constexpr int kTcpRtoMaxMs = 44;

// A loop may have one part in so many more connections than another before that one is given what it accepts.
constexpr std::size_t kUnevenness = 16;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Whose handler or callback this thread is in.
thread_local const void* user_code_of = nullptr;

// As reports of failures name it.
std::string request_line_of(const Exchange& exchange) {
  const std::string_view line = std::string_view(exchange.input).substr(0, exchange.input.find_first_of("\r\n"));
  const std::size_t method_end = std::min(line.find(' '), line.size());
  const std::string_view target = line.substr(std::min(method_end + 1, line.size()));
  return name_of(line.substr(0, method_end), target.substr(0, target.find(' ')));
}

void say_and_close(int socket, const std::string& response) {
  [[maybe_unused]] const auto sent = ::send(socket, response.data(), response.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::close(socket);
}

}  // namespace

Engine::Engine(httplib::Server& server, const ServerOptions& options)
    : server_(server),
      options_(options),
      trouble_report_(options.on_store_trouble == nullptr ? nullptr : OnFailure([this](const std::string& trouble) {
        call_guarded(options_.on_failure, "on_store_trouble",
                     [&] { as_user_code([&] { options_.on_store_trouble(trouble); }); });
      })),
      feed_({.history_events = options.history.events,
             .history_bytes = options.history.bytes,
             .history_age = options.history.age,
             .max_pinned_bytes = options.streams.max_pinned_bytes,
             .epoch = memory_epoch(random_tag()),
             .clock = monotonic_now,
             .store = options.store,
             .on_store_status = [this](const StoreStatus& status) { trouble_report_.tell(status.reason); }}),
      admission_(options_, random_seed()),
      rights_(std::make_shared<RightsReview>(
          options.authorizer,
          RightsReview::Ports{.open_rights = [this] { return open_rights(); },
                              .run_on_worker = [this](std::function<void()> task) { return enqueue(std::move(task)); },
                              .on_failure =
                                  [this](const std::string& failure) {
                                    if (options_.on_failure == nullptr) return;
                                    call_guarded(nullptr, {}, [&] { options_.on_failure("authorizer: " + failure); });
                                  }})),
      streams_(feed_, options_, admission_.retry_after(),
               {.is_draining = [this] { return is_draining(); },
                .run_on_worker = [this](std::function<void()> callback) { run_on_worker(std::move(callback)); }}),
      routes_(hub_, options_, admission_, *rights_, streams_),
      guarded_(server, admission_),
      connections_per_address_(options.shares.max_connections_per_address),
      buffers_(options.http.max_buffered_bytes),
      uploads_(options.threads.max_uploads.value_or(std::max<std::size_t>(1, options.threads.workers / 2))),
      downloads_(options.threads.max_downloads.value_or(std::max<std::size_t>(1, options.threads.workers / 4))),
      presence_(options.streams.presence ? std::make_unique<Presence>() : nullptr) {}

// A callback that is under way may still ask the hub for something.
Engine::~Engine() {
  trouble_report_.stop();
}

void Engine::add_operations() {
  OperationRoutes::add_to(guarded_,
                          {.hub = hub_,
                           .is_draining = [this] { return is_draining(); },
                           .metrics = [this] { return metrics(); },
                           .subscriptions = [this] { return subscriptions(); },
                           .disconnect = [this](const StreamSelection& selection) { return disconnect(selection); }});
}

void Engine::start(std::unique_ptr<httplib::TaskQueue> workers) {
  const HttplibInsides insides = look_into(server_);
  const ConnectionLoop::Settings settings{
      .options = options_,
      .read_timeout = insides.read_timeout,
      .write_timeout = insides.write_timeout,
      .keep_alive = Duration{1000 * insides.keep_alive_seconds},
      .max_requests = insides.keep_alive_count,
      .refusals = &refusals_,
      .presence = presence_.get(),
      .buffers = &buffers_,
      .cross_origin = &admission_.cross_origin(),
      .on_begun_by_right = [this](const StreamRightPtr& right) { rights_->begun(right); },
      .downloads = &downloads_,
      .on_foreign_protocol = [this](RefusalReason reason, int socket) { report_foreign_protocol(reason, socket); },
      .serve_here = [this](Exchange& exchange, std::string_view request) { return serve_here(exchange, request); }};
  guarded_.add_preflights();
  direct_.start(server_, events_paths_, options_);
  bridge_ = std::make_unique<HttplibBridge>(
      server_, ExchangeTerms{.read_timeout = settings.read_timeout,
                             .body_deadline = options_.http.body_deadline,
                             .write_timeout = settings.write_timeout,
                             .downloads = downloads_,
                             .is_stopping = [&socket = insides.listening_socket] { return socket == INVALID_SOCKET; }});
  admission_.set_on_loopback(is_on_loopback(insides.listening_socket));
  {
    const MutexLock lock(workers_mutex_);
    workers_ = std::move(workers);
    workers_running_ = true;
  }
  const std::size_t count = options_.threads.loops.value_or(std::max(1u, std::thread::hardware_concurrency()));
  const MutexLock lock(loops_mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<ConnectionLoop>(
        feed_, settings, connections_, [this](const std::shared_ptr<Exchange>& exchange) { dispatch(exchange); },
        [this](std::function<void()> callback) { run_on_worker(std::move(callback)); }));
  }
  rights_->start();
}

// No lock is held while handlers end: they may well be asking the engine for something. Nor is there a loop any more
// when the last callbacks run, here: a callback may do what it likes, which a loop's thread may not.
void Engine::stop() {
  {
    const MutexLock lock(workers_mutex_);
    if (!std::exchange(workers_running_, false)) return;
  }
  rights_->stop();
  workers_->shutdown();  // what has been asked is still answered
  std::vector<std::unique_ptr<ConnectionLoop>> loops;
  {
    const MutexLock lock(loops_mutex_);
    loops.swap(loops_);
  }
  loops.clear();
  run_left_over();
  if (presence_ != nullptr) presence_->reset();
  workers_.reset();
  bridge_.reset();
  uploads_.reset();
  draining_ = false;
}

void Engine::prepare(int listening_socket) const {
  const int on = 1;
  setsockopt(listening_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // So that a client which has stopped reading is asked for a sign of life that often. Older systems do not know the
  // option: they ask ever less often, down to every two minutes.
  const auto longest_pause = static_cast<int>(
      std::clamp(options_.streams.heartbeat / 2, kMinRetransmissionPause, kMaxRetransmissionPause).count());
  setsockopt(listening_socket, IPPROTO_TCP, kTcpRtoMaxMs, &longest_pause, sizeof longest_pause);
  ::fcntl(listening_socket, F_SETFL, ::fcntl(listening_socket, F_GETFL) | O_NONBLOCK);
}

void Engine::accept_from(int listening_socket) {
  // A descriptor of its own, so that whoever shuts the socket down may close theirs at any time.
  const int socket = ::fcntl(listening_socket, F_DUPFD_CLOEXEC, 0);
  if (socket < 0 && errno != EBADF) throw std::system_error(errno, std::generic_category(), "cannot listen");
  if (socket < 0) return;  // shut down already
  for (const auto& loop : loops_) {
    loop->accept_from(socket,
                      [this, &to = *loop](int accepted, const sockaddr_storage& peer) { accept(to, accepted, peer); });
  }
  wait_until_shut_down(socket);
  for (const auto& loop : loops_) loop->stop_accepting();
  ::close(socket);
}

void Engine::accept(ConnectionLoop& loop, int socket, const sockaddr_storage& peer) {
  auto share = connections_per_address_.take(Who::network(peer));
  if (!share) {
    return turn_away(loop, socket, {429, "too many connections from your address", RefusalReason::kAddressConnections});
  }
  if (!ConnectionCounts::add_to(connections_.open, options_.shares.max_connections)) {
    return turn_away(loop, socket, {503, "too many connections to the server", RefusalReason::kConnections});
  }
  loop_for_another(loop).adopt(socket, std::move(*share));
}

void Engine::turn_away(ConnectionLoop& loop, int socket, const RequestError& error) {
  refusals_.add(error.status, error.reason);
  // Before a request has been read, of which page it is is not known.
  std::string response =
      error_response(error, admission_.retry_after().draw(), admission_.cross_origin().lines_for({}));
  if (ConnectionCounts::add_to(connections_.turned_away, kMaxTurnedAway)) {
    return loop.turn_away(socket, std::move(response));
  }
  say_and_close(socket, response);
}

void Engine::turn_away(int socket) {
  const RequestError error{503,
                           "the server was started with httplib::Server::listen(); call millrace::Server::listen()",
                           RefusalReason::kConnections};
  refusals_.add(error.status, error.reason);
  say_and_close(socket,
                error_response(error, admission_.retry_after().draw(), admission_.cross_origin().lines_for({})));
}

// The loop that has accepted it, which costs least, unless another has clearly fewer.
ConnectionLoop& Engine::loop_for_another(ConnectionLoop& loop) const {
  ConnectionLoop& idlest = **std::min_element(
      loops_.begin(), loops_.end(), [](const auto& one, const auto& other) { return one->load() < other->load(); });
  const std::size_t least = idlest.load();
  return loop.load() <= least + least / kUnevenness ? loop : idlest;
}

// Bodies that a worker has to wait for must not take all of the workers.
void Engine::dispatch(const std::shared_ptr<Exchange>& exchange) {
  if (!exchange->is_upload()) return serve(exchange);
  switch (uploads_.enter(exchange)) {
    case UploadGate::Answer::kGo:
      return serve(exchange);
    case UploadGate::Answer::kWait:
      return;
    case UploadGate::Answer::kRefuse:
      refusals_.add(503, RefusalReason::kUploads);
      exchange->output.append(error_response({503, "too many uploads to the server"}, admission_.retry_after().draw(),
                                             admission_.cross_origin().lines_for(origin_in(exchange->input))));
      exchange->loop.defer([exchange] { exchange->connection.finish(*exchange); });
  }
}

void Engine::serve(const std::shared_ptr<Exchange>& exchange) {
  const bool enqueued = enqueue([this, exchange] {
    // cpp-httplib sees to what handlers throw, but not to what loggers, content providers and the like do.
    const std::string name = request_line_of(*exchange);
    const bool served = call_guarded(options_.on_failure, name, [&] { bridge_->serve(*exchange); });
    if (exchange->failure != nullptr) report_failure(options_.on_failure, name, exchange->failure);
    refusals_.add(exchange->status, exchange->refusal);
    if (exchange->is_upload()) {
      if (const auto next = uploads_.leave()) serve(next);
    }
    if (exchange->taken) return;
    exchange->loop.defer([exchange, served] {
      if (served) return exchange->connection.finish(*exchange);
      exchange->connection.close();  // nobody knows how much of the response is there
    });
  });
  if (!enqueued) exchange->loop.defer([exchange] { exchange->connection.close(); });
}

bool Engine::serve_here(Exchange& exchange, std::string_view request) {
  if (!direct_.serve(exchange, request)) return false;
  refusals_.add(exchange.status, exchange.refusal);
  return true;
}

// Never here and now: this is a loop's thread. Those for which there is no worker any more stop() runs.
void Engine::run_on_worker(std::function<void()> callback) {
  auto guarded = [this, callback = std::move(callback)] { call_guarded(options_.on_failure, "on_close", callback); };
  const MutexLock lock(workers_mutex_);
  if (!workers_running_) return left_over_.push_back(std::move(guarded));
  workers_->enqueue([this, guarded = std::move(guarded)] { as_user_code(guarded); });
}

// Where one of them sees to it that there is another, that one comes too.
void Engine::run_left_over() {
  while (true) {
    std::vector<std::function<void()>> callbacks;
    {
      const MutexLock lock(workers_mutex_);
      callbacks.swap(left_over_);
    }
    if (callbacks.empty()) return;
    for (const auto& callback : callbacks) as_user_code(callback);
  }
}

void Engine::as_user_code(const std::function<void()>& code) const {
  const void* const outer = std::exchange(user_code_of, this);
  code();
  user_code_of = outer;
}

bool Engine::is_in_user_code() const {
  return user_code_of == this;
}

// False if the workers take no more.
bool Engine::enqueue(std::function<void()> task) {
  const MutexLock lock(workers_mutex_);
  if (workers_running_) workers_->enqueue([this, task = std::move(task)] { as_user_code(task); });
  return workers_running_;
}

void Engine::announce_listening() {
  if (options_.on_listening == nullptr) return;
  call_guarded(options_.on_failure, "on_listening", [this] { as_user_code(options_.on_listening); });
}

SendingWays Engine::sending() const {
  const MutexLock lock(loops_mutex_);
  SendingWays ways;
  for (const auto& loop : loops_) {
    ++(loop->uses_io_uring() ? ways.io_uring : ways.send);
    if (!loop->why_no_io_uring().empty()) ways.why_not = loop->why_no_io_uring();
  }
  return ways;
}

void Engine::report_foreign_protocol(RefusalReason reason, int socket) {
  if (options_.on_failure == nullptr) return;
  if (const auto sentence = foreign_.add(reason, peer_address(socket), monotonic_now())) {
    // This is a loop's thread: what it throws must not end it.
    as_user_code([&] { call_guarded(nullptr, {}, [&] { options_.on_failure(*sentence); }); });
  }
}

std::size_t Engine::disconnect(std::string_view client) {
  const MutexLock lock(loops_mutex_);
  std::size_t cut = 0;
  for (const auto& loop : loops_) cut += loop->disconnect(client);
  return cut;
}

std::size_t Engine::disconnect(const StreamSelection& selection) {
  if (!selection.user && !selection.client && !selection.topic) return 0;
  if (selection.topic && !Topic::parse(*selection.topic)) {
    throw std::invalid_argument("topic: \"" + *selection.topic + "\" is not a topic");
  }
  const MutexLock lock(loops_mutex_);
  std::size_t ended = 0;
  for (const auto& loop : loops_) ended += loop->disconnect(selection);
  return ended;
}

std::vector<StreamRightPtr> Engine::open_rights() {
  const MutexLock lock(loops_mutex_);
  std::vector<StreamRightPtr> all;
  for (const auto& loop : loops_) {
    std::vector<StreamRightPtr> some = loop->open_rights();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

std::size_t Engine::open_streams() const {
  const MutexLock lock(loops_mutex_);
  std::size_t open = 0;
  for (const auto& loop : loops_) open += loop->open_streams();
  return open;
}

std::vector<SubscriptionInfo> Engine::subscriptions() const {
  const MutexLock lock(loops_mutex_);
  std::vector<SubscriptionInfo> all;
  for (const auto& loop : loops_) {
    std::vector<SubscriptionInfo> some = loop->subscriptions();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void Engine::drain(Duration window) {
  draining_ = true;
  const MutexLock lock(loops_mutex_);
  for (const auto& loop : loops_) loop->drain(window);
}

std::string Engine::metrics() const {
  MetricsSnapshot snapshot{.hub = hub_.statistics(),
                           .loops = {},
                           .refusals = &refusals_,
                           .cut_downloads = downloads_.cuts(),
                           .buffered_bytes = buffers_.held(),
                           .pinned_bytes = feed_.pinned().bytes(),
                           .connections = connections_.open,
                           .sending = sending(),
                           .presence = {}};
  if (presence_ != nullptr) snapshot.presence = presence_->statistics();
  const MutexLock lock(loops_mutex_);
  for (const auto& loop : loops_) {
    snapshot.loops.push_back(&loop->counters());
    snapshot.streams += loop->open_streams();
    snapshot.catching_up += loop->catching_up();
  }
  return metrics_text(snapshot);
}

}  // namespace millrace
