#include "engine.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "http/connection.h"
#include "http/content_coding.h"
#include "http/error_response.h"
#include "http/failure.h"
#include "http/operation_routes.h"
#include "http/peer_address.h"
#include "http/refusal.h"
#include "log/event_log.h"
#include "log/open_store.h"
#include "millrace/core/protocol.h"
#include "ops/metrics.h"
#include "stream/event_stream_state.h"
#include "stream/pinned_bytes.h"

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

// Tells the IDs of this log's life from those of another.
std::string random_tag() {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::uniform_int_distribution<std::size_t> index(0, kAlphabet.size() - 1);
  std::string tag(8, ' ');
  for (char& c : tag) c = kAlphabet[index(device)];
  return tag;
}

// Views into `topics`. Throws std::invalid_argument if they make no subscription.
std::vector<TopicPattern> patterns_of(const std::vector<std::string>& topics) {
  if (topics.empty()) {
    throw std::invalid_argument("topic: missing; say what to subscribe to, as in ?topic=orders&topic=stocks/**");
  }
  if (topics.size() > kMaxTopicsPerSubscription) {
    throw std::invalid_argument("topic: more than " + std::to_string(kMaxTopicsPerSubscription) +
                                " in one subscription");
  }
  std::vector<TopicPattern> patterns;
  for (const std::string& topic : topics) {
    const auto pattern = TopicPattern::parse(topic);
    if (!pattern) {
      throw std::invalid_argument("topic: \"" + topic + "\" is not a topic pattern: 1 to " +
                                  std::to_string(kMaxTopicBytes) +
                                  " bytes of segments separated by /, none of them empty; * is one of the first " +
                                  std::to_string(kMaxWildcardDepth) + " segments, a final ** all that follow");
    }
    patterns.push_back(*pattern);
  }
  return patterns;
}

// [docs/protocol.md, "The response"] In place of what a handler or the default headers have set: cpp-httplib would send
// both.
void set_event_stream_headers(httplib::Response& response, Duration heartbeat) {
  const auto set = [&response](const char* name, const std::string& value) {
    response.headers.erase(name);
    response.set_header(name, value);
  };
  set("Content-Type", std::string(protocol::kContentType));
  // Proxies that compress would hold the stream back until they have enough, or for ever. [RFC 9110 7.7]
  set("Cache-Control", "no-store, no-transform");
  set("X-Accel-Buffering", "no");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(heartbeat);
  set(protocol::kHeartbeatHeader.data(), std::to_string(seconds.count()));
  response.headers.erase("Content-Length");
}

// As the request asks for. Nothing if it asks for something else.
std::optional<CursorForm> cursor_form_of(const httplib::Request& request, CursorForm otherwise) {
  const std::string form = request.get_param_value(std::string(protocol::kCursorParameter));
  if (form.empty()) return otherwise;
  if (form == protocol::kCursorById) return CursorForm::kId;
  if (form == protocol::kCursorByEvent) return CursorForm::kEvent;
  if (form == protocol::kNoCursor) return CursorForm::kNone;
  return std::nullopt;
}

bool takes_gzip(const httplib::Request& request) {
  std::string all;
  const auto [begin, end] = request.headers.equal_range("Accept-Encoding");
  for (auto field = begin; field != end; ++field) all.append(field->second).append(1, ',');
  return prefers_gzip(all);
}

// Whose handler or callback this thread is in.
thread_local const void* user_code_of = nullptr;

// What the store is opened with: its trouble is reported from another thread than it comes up on.
ServerOptions reporting_to(TroubleReport& report, ServerOptions options) {
  if (options.on_store_trouble != nullptr) {
    options.on_store_trouble = [&report](const std::string& trouble) { report.tell(trouble); };
  }
  return options;
}

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

Server::Engine::Engine(Server& server, const ServerOptions& options)
    : server_(server),
      options_(options),
      trouble_report_(options.on_store_trouble == nullptr ? nullptr : OnFailure([this](const std::string& trouble) {
        call_guarded(options_.on_failure, "on_store_trouble",
                     [&] { as_user_code([&] { options_.on_store_trouble(trouble); }); });
      })),
      hub_({.history_events = options.history_events,
            .history_bytes = options.history_bytes,
            .history_age = options.history_age,
            .max_pinned_bytes = options.max_pinned_bytes,
            .epoch = memory_epoch(random_tag()),
            .clock = monotonic_now,
            .store = open_store(reporting_to(trouble_report_, options), store_epoch(random_tag()))}),
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
      routes_(hub_, options_, admission_, *rights_,
              [this](const httplib::Request& request, httplib::Response& response, SubscribeOptions subscribe_options,
                     StreamRightPtr right) {
                subscribe(request, response, std::move(subscribe_options), std::move(right));
              }),
      guarded_(server, admission_),
      connections_per_address_(options.max_connections_per_address),
      buffers_(options.max_buffered_bytes),
      uploads_(options.max_uploads > 0 ? options.max_uploads : std::max<std::size_t>(1, options.workers / 2)),
      downloads_(options.max_downloads > 0 ? options.max_downloads : std::max<std::size_t>(1, options.workers / 4)),
      presence_(options.presence ? std::make_unique<Presence>() : nullptr) {}

// A callback that is under way may still ask the hub for something.
Server::Engine::~Engine() {
  trouble_report_.stop();
}

void Server::Engine::add_operations() {
  OperationRoutes::add_to(guarded_,
                          {.hub = hub_,
                           .is_draining = [this] { return is_draining(); },
                           .metrics = [this] { return metrics(); },
                           .subscriptions = [this] { return subscriptions(); },
                           .disconnect = [this](const StreamSelection& selection) { return disconnect(selection); }});
}

void Server::Engine::start(std::unique_ptr<httplib::TaskQueue> workers) {
  const auto milliseconds = [](time_t seconds, time_t microseconds) {
    return Duration{static_cast<Duration::rep>(seconds) * 1000 + static_cast<Duration::rep>(microseconds) / 1000};
  };
  const ConnectionLoop::Settings settings{
      .options = options_,
      .read_timeout = milliseconds(server_.read_timeout_sec_, server_.read_timeout_usec_),
      .write_timeout = milliseconds(server_.write_timeout_sec_, server_.write_timeout_usec_),
      .keep_alive = milliseconds(server_.keep_alive_timeout_sec_, 0),
      .max_requests = server_.keep_alive_max_count_,
      .refusals = &refusals_,
      .presence = presence_.get(),
      .buffers = &buffers_,
      .cross_origin = &admission_.cross_origin(),
      .rights = rights_.get(),
      .downloads = &downloads_,
      .on_foreign_protocol = [this](RefusalReason reason, int socket) { report_foreign_protocol(reason, socket); },
      .serve_here = [this](Exchange& exchange, std::string_view request) { return serve_here(exchange, request); }};
  guarded_.add_preflights();
  direct_.start(server_, events_paths_, options_);
  bridge_ = std::make_unique<HttplibBridge>(
      server_,
      [this](httplib::Stream& stream, bool close_connection, bool& connection_closed,
             const std::function<void(httplib::Request&)>& setup_request) {
        return server_.process_request(stream, close_connection, connection_closed, setup_request);
      },
      ExchangeTerms{.read_timeout = settings.read_timeout,
                    .body_deadline = options_.request_body_deadline,
                    .write_timeout = settings.write_timeout,
                    .downloads = downloads_,
                    .is_stopping = [this] { return server_.svr_sock_ == INVALID_SOCKET; }});
  admission_.set_on_loopback(is_on_loopback(server_.svr_sock_));
  {
    const std::lock_guard lock(workers_mutex_);
    workers_ = std::move(workers);
    workers_running_ = true;
  }
  const std::size_t count = options_.loops > 0 ? options_.loops : std::max(1u, std::thread::hardware_concurrency());
  const std::lock_guard lock(loops_mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<ConnectionLoop>(
        hub_, settings, connections_, [this](const std::shared_ptr<Exchange>& exchange) { dispatch(exchange); },
        [this](std::function<void()> callback) { run_on_worker(std::move(callback)); }));
  }
  rights_->start();
}

// No lock is held while handlers end: they may well be asking the engine for something. Nor is there a loop any more
// when the last callbacks run, here: a callback may do what it likes, which a loop's thread may not.
void Server::Engine::stop() {
  {
    const std::lock_guard lock(workers_mutex_);
    if (!std::exchange(workers_running_, false)) return;
  }
  rights_->stop();
  workers_->shutdown();  // what has been asked is still answered
  std::vector<std::unique_ptr<ConnectionLoop>> loops;
  {
    const std::lock_guard lock(loops_mutex_);
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

void Server::Engine::prepare(int listening_socket) const {
  const int on = 1;
  setsockopt(listening_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // So that a client which has stopped reading is asked for a sign of life that often. Older systems do not know the
  // option: they ask ever less often, down to every two minutes.
  const auto longest_pause =
      static_cast<int>(std::clamp(options_.heartbeat / 2, kMinRetransmissionPause, kMaxRetransmissionPause).count());
  setsockopt(listening_socket, IPPROTO_TCP, kTcpRtoMaxMs, &longest_pause, sizeof longest_pause);
  ::fcntl(listening_socket, F_SETFL, ::fcntl(listening_socket, F_GETFL) | O_NONBLOCK);
}

void Server::Engine::accept_from(int listening_socket) {
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

void Server::Engine::accept(ConnectionLoop& loop, int socket, const sockaddr_storage& peer) {
  auto share = connections_per_address_.take(Who::network(peer));
  if (!share) {
    return turn_away(loop, socket,
                     {429, "your address has as many connections as one may have", RefusalReason::kAddressConnections});
  }
  if (!ConnectionCounts::add_to(connections_.open, options_.max_connections)) {
    return turn_away(loop, socket,
                     {503, "the server has as many connections as it may hold", RefusalReason::kConnections});
  }
  loop_for_another(loop).adopt(socket, std::move(*share));
}

void Server::Engine::turn_away(ConnectionLoop& loop, int socket, const RequestError& error) {
  refusals_.add(error.status, error.reason);
  // Before a request has been read, of which page it is is not known.
  std::string response =
      error_response(error, admission_.retry_after().draw(), admission_.cross_origin().lines_for({}));
  if (ConnectionCounts::add_to(connections_.turned_away, kMaxTurnedAway)) {
    return loop.turn_away(socket, std::move(response));
  }
  say_and_close(socket, response);
}

void Server::Engine::turn_away(int socket) {
  const RequestError error{503, "the server was started by httplib::Server::listen(); call millrace::Server's own",
                           RefusalReason::kConnections};
  refusals_.add(error.status, error.reason);
  say_and_close(socket,
                error_response(error, admission_.retry_after().draw(), admission_.cross_origin().lines_for({})));
}

// The loop that has accepted it, which costs least, unless another has clearly fewer.
ConnectionLoop& Server::Engine::loop_for_another(ConnectionLoop& loop) const {
  ConnectionLoop& idlest = **std::min_element(
      loops_.begin(), loops_.end(), [](const auto& one, const auto& other) { return one->load() < other->load(); });
  const std::size_t least = idlest.load();
  return loop.load() <= least + least / kUnevenness ? loop : idlest;
}

// Bodies that a worker has to wait for must not take all of the workers.
void Server::Engine::dispatch(const std::shared_ptr<Exchange>& exchange) {
  if (!exchange->is_upload()) return serve(exchange);
  switch (uploads_.enter(exchange)) {
    case UploadGate::Answer::kGo:
      return serve(exchange);
    case UploadGate::Answer::kWait:
      return;
    case UploadGate::Answer::kRefuse:
      refusals_.add(503, RefusalReason::kUploads);
      exchange->output.append(error_response(
          {503, "the server is receiving as many uploads as it may, and more are waiting"},
          admission_.retry_after().draw(), admission_.cross_origin().lines_for(origin_in(exchange->input))));
      exchange->loop.defer([exchange] { exchange->connection.finish(*exchange); });
  }
}

void Server::Engine::serve(const std::shared_ptr<Exchange>& exchange) {
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

bool Server::Engine::serve_here(Exchange& exchange, std::string_view request) {
  if (!direct_.serve(exchange, request)) return false;
  refusals_.add(exchange.status, exchange.refusal);
  return true;
}

// Never here and now: this is a loop's thread. Those for which there is no worker any more stop() runs.
void Server::Engine::run_on_worker(std::function<void()> callback) {
  auto guarded = [this, callback = std::move(callback)] { call_guarded(options_.on_failure, "on_close", callback); };
  const std::lock_guard lock(workers_mutex_);
  if (!workers_running_) return left_over_.push_back(std::move(guarded));
  workers_->enqueue([this, guarded = std::move(guarded)] { as_user_code(guarded); });
}

// Where one of them sees to it that there is another, that one comes too.
void Server::Engine::run_left_over() {
  while (true) {
    std::vector<std::function<void()>> callbacks;
    {
      const std::lock_guard lock(workers_mutex_);
      callbacks.swap(left_over_);
    }
    if (callbacks.empty()) return;
    for (const auto& callback : callbacks) as_user_code(callback);
  }
}

void Server::Engine::as_user_code(const std::function<void()>& code) const {
  const void* const outer = std::exchange(user_code_of, this);
  code();
  user_code_of = outer;
}

bool Server::Engine::is_in_user_code() const {
  return user_code_of == this;
}

// False if the workers take no more.
bool Server::Engine::enqueue(std::function<void()> task) {
  const std::lock_guard lock(workers_mutex_);
  if (workers_running_) workers_->enqueue([this, task = std::move(task)] { as_user_code(task); });
  return workers_running_;
}

void Server::Engine::announce_listening() {
  if (options_.on_listening == nullptr) return;
  call_guarded(options_.on_failure, "on_listening", [this] { as_user_code(options_.on_listening); });
}

SendingWays Server::Engine::sending() const {
  const std::lock_guard lock(loops_mutex_);
  SendingWays ways;
  for (const auto& loop : loops_) {
    ++(loop->uses_io_uring() ? ways.io_uring : ways.send);
    if (!loop->why_no_io_uring().empty()) ways.why_not = loop->why_no_io_uring();
  }
  return ways;
}

bool Server::Engine::subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                               StreamRightPtr right) {
  const auto filter = std::make_shared<const TopicFilter>(patterns_of(options.topics));
  if (options.client.size() > kMaxClientNameBytes) {
    throw std::invalid_argument("client: longer than " + std::to_string(kMaxClientNameBytes) + " bytes");
  }
  if (options.retry && (*options.retry < Duration{0} || *options.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("retry: must be 0 to " + std::to_string(kMaxReconnectionTime.count()) + " ms");
  }
  if (draining_) {
    refuse(request, response, 503, RefusalReason::kDraining, "the server is about to stop; come back in a moment");
    response.set_header("Retry-After", admission_.retry_after().draw());
    return false;
  }
  const auto cursor_form = options.cursor ? options.cursor : cursor_form_of(request, options_.cursor);
  if (!cursor_form) {
    refuse(request, response, 400, RefusalReason::kInvalid, "cursor: expected id, event or none");
    return false;
  }
  Exchange& exchange = HttplibBridge::exchange_of(request);
  std::string last_event_id = exchange.head.last_event_id;
  if (last_event_id.empty()) last_event_id = request.get_param_value(std::string(protocol::kLastEventIdParameter));
  const Hub::Cursor cursor = hub_.resolve(last_event_id, filter.get());
  if (hub_.is_over(cursor, *filter)) {
    response.status = 204;  // [WHATWG 9.2.4] by which a client knows not to come back
    return false;
  }
  set_event_stream_headers(response, options_.heartbeat);
  // Where something on the way holds the body back, the head may get through. Behind a gap there is no such place: the
  // client must be told of it first.
  if (cursor.gap_reason.empty()) {
    response.set_header(std::string(protocol::kLastEventIdHeader).c_str(), hub_.id_of(cursor.sequence));
  }
  WireForm form = exchange.head.http_1_0 ? WireForm::kPayload : WireForm::kChunk;
  if (options_.gzip) {
    response.set_header("Vary", "Accept-Encoding");
    if (form == WireForm::kChunk && takes_gzip(request)) {
      response.set_header("Content-Encoding", "gzip");
      form = WireForm::kGzipChunk;
    }
  }
  const Subscriber::Subscription subscription{
      .filter = filter, .client = options.client, .form = form, .cursor = *cursor_form, .poll = options.poll};
  StreamTerms terms{.user = options.user,
                    .ends_at = {},
                    .retry = options.retry,
                    .on_close = std::move(options.on_close),
                    .right = std::move(right)};
  if (options.lifetime > Duration{0}) terms.ends_at = monotonic_now() + options.lifetime;
  std::optional<std::string> head = HttplibBridge::take_response(request, response);
  if (!head) return false;
  if (exchange.on_loop) {
    exchange.connection.subscribe(*head, subscription, cursor, last_event_id, std::move(terms));
    return true;
  }
  // The terms go with it: what a callback has captured must not be destroyed on the loop's thread.
  exchange.loop.defer([&connection = exchange.connection, head = std::move(*head), subscription, cursor,
                       last_event_id = std::move(last_event_id), terms = std::move(terms)]() mutable {
    connection.subscribe(head, subscription, cursor, last_event_id, std::move(terms));
  });
  return true;
}

EventStream Server::Engine::open_stream(const httplib::Request& request, httplib::Response& response) {
  Exchange& exchange = HttplibBridge::exchange_of(request);
  const bool chunked = !exchange.head.http_1_0;
  auto state = std::make_shared<EventStream::State>(
      [this](EventStream::State::Task callback) { run_on_worker(std::move(callback)); }, chunked, options_.on_failure);
  set_event_stream_headers(response, options_.heartbeat);
  if (auto head = HttplibBridge::take_response(request, response)) {
    exchange.loop.defer(
        [&connection = exchange.connection, head = std::move(*head), state] { connection.stream(head, state); });
  } else {
    state->detach();
  }
  return EventStream(std::move(state));
}

void Server::Engine::report_foreign_protocol(RefusalReason reason, int socket) {
  if (options_.on_failure == nullptr) return;
  if (const auto sentence = foreign_.add(reason, peer_address(socket), monotonic_now())) {
    // This is a loop's thread: what it throws must not end it.
    as_user_code([&] { call_guarded(nullptr, {}, [&] { options_.on_failure(*sentence); }); });
  }
}

std::size_t Server::Engine::disconnect(std::string_view client) {
  const std::lock_guard lock(loops_mutex_);
  std::size_t cut = 0;
  for (const auto& loop : loops_) cut += loop->disconnect(client);
  return cut;
}

std::size_t Server::Engine::disconnect(const StreamSelection& selection) {
  if (!selection.user && !selection.client && !selection.topic) return 0;
  if (selection.topic && !Topic::parse(*selection.topic)) {
    throw std::invalid_argument("topic: \"" + *selection.topic + "\" is not a topic");
  }
  const std::lock_guard lock(loops_mutex_);
  std::size_t ended = 0;
  for (const auto& loop : loops_) ended += loop->disconnect(selection);
  return ended;
}

std::vector<StreamRightPtr> Server::Engine::open_rights() {
  const std::lock_guard lock(loops_mutex_);
  std::vector<StreamRightPtr> all;
  for (const auto& loop : loops_) {
    std::vector<StreamRightPtr> some = loop->open_rights();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

std::size_t Server::Engine::open_streams() const {
  const std::lock_guard lock(loops_mutex_);
  std::size_t open = 0;
  for (const auto& loop : loops_) open += loop->open_streams();
  return open;
}

std::vector<SubscriptionInfo> Server::Engine::subscriptions() const {
  const std::lock_guard lock(loops_mutex_);
  std::vector<SubscriptionInfo> all;
  for (const auto& loop : loops_) {
    std::vector<SubscriptionInfo> some = loop->subscriptions();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void Server::Engine::drain(Duration window) {
  draining_ = true;
  const std::lock_guard lock(loops_mutex_);
  for (const auto& loop : loops_) loop->drain(window);
}

std::string Server::Engine::metrics() const {
  MetricsSnapshot snapshot{.hub = hub_.statistics(),
                           .loops = {},
                           .refusals = &refusals_,
                           .cut_downloads = downloads_.cuts(),
                           .buffered_bytes = buffers_.held(),
                           .pinned_bytes = hub_.pinned().bytes(),
                           .connections = connections_.open,
                           .sending = sending(),
                           .presence = {}};
  if (presence_ != nullptr) snapshot.presence = presence_->statistics();
  const std::lock_guard lock(loops_mutex_);
  for (const auto& loop : loops_) {
    snapshot.loops.push_back(&loop->counters());
    snapshot.streams += loop->open_streams();
    snapshot.catching_up += loop->catching_up();
  }
  return metrics_text(snapshot);
}

}  // namespace millrace
