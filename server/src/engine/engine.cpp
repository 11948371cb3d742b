#include "engine.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/failure.h"
#include "base/option_name.h"
#include "base/peer_address.h"
#include "base/random_tag.h"
#include "hub/retained_shares.h"
#include "log/event_log.h"
#include "log/pinned_bytes.h"
#include "millrace/server/invalid_option.h"
#include "routes/metrics.h"

namespace millrace {

namespace {

// Groups of publish requests that are committed at the same time. A disk takes one after the other, and the more wait
// together, the fewer syncs they cost; another server takes one while the answer to the one before is on its way.
constexpr std::size_t kCommitsToADisk = 1;
constexpr std::size_t kCommitsToAServer = 2;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Guards the program's callbacks for the context like all others.
std::unique_ptr<TlsContext> tls_context(const ServerOptions& options,
                                        const std::function<void(const std::string&)>& notify) {
  if (!options.tls) return nullptr;
  ServerTls tls = *options.tls;
  tls.on_notice = notify;
  std::vector<std::string> protocols{"http/1.1"};
  if (options.http.http2) protocols.insert(protocols.begin(), "h2");
  return TlsContext::make(tls, std::move(protocols));
}

std::optional<TrustedProxies> proxies_in(const ServerOptions& options) {
  if (options.proxies.trusted.empty()) return std::nullopt;
  return TrustedProxies(options.proxies.trusted, options.proxies.field);
}

// `1 / share` of the workers, at least one.
std::size_t part_of(std::size_t workers, std::size_t share) {
  return std::max<std::size_t>(1, workers / share);
}

}  // namespace

Engine::Engine(httplib::Server& server, const ServerOptions& options, Feed* shared_feed)
    : server_(server),
      options_(options),
      status_report_(
          options.on_store_status == nullptr ? nullptr : decltype(options.on_store_status)([this](auto& status) {
            call_guarded(options_.on_failure, "on_store_status",
                         [&] { workers_.as_user_code([&] { options_.on_store_status(status); }); });
          })),
      own_feed_(shared_feed == nullptr ? std::make_unique<Feed>(feed_options()) : nullptr),
      feed_(shared_feed == nullptr ? *own_feed_ : *shared_feed),
      admission_(options_, random_seed()),
      proxies_(proxies_in(options)),
      buffers_(std::make_shared<BufferBudget>(options.http.max_buffered_bytes)),
      stream_buffers_(std::make_shared<StreamBuffers>(buffers_)),
      reception_({.connections = options.shares.max_connections,
                  .connections_per_address = options.shares.max_connections_per_address,
                  .heartbeat = options.streams.heartbeat,
                  .is_clear = !options.tls},
                 {.loops = loops_,
                  .refusals = refusals_,
                  .retry_spread = admission_.retry_spread(),
                  .cross_origin = admission_.cross_origin(),
                  .proxies = proxies_ ? &*proxies_ : nullptr}),
      uploads_(options.threads.max_uploads.value_or(part_of(options.threads.workers, 2))),
      downloads_(options.threads.max_downloads.value_or(part_of(options.threads.workers, 4))),
      dispatch_({.workers = workers_,
                 .uploads = uploads_,
                 .refusals = refusals_,
                 .retry_spread = admission_.retry_spread(),
                 .cross_origin = admission_.cross_origin(),
                 .on_failure = options_.on_failure}),
      rights_(std::make_shared<RightsReview>(
          options.authorizer,
          RightsReview::Ports{
              .open_rights = [this] { return loops_.open_rights(); },
              .run_on_worker = [this](std::function<void()> task) { return workers_.enqueue(std::move(task)); },
              .on_failure = options_.on_failure})),
      streams_(feed_, options_, admission_.retry_spread(),
               {.is_draining = [this] { return draining_.load(); },
                .run_on_worker = [this](std::function<void()> call) { workers_.run_callback(std::move(call)); },
                .take_address = [this](const sockaddr_storage& client) { return reception_.take_address(client); },
                .take_user = [this](const std::string& user) { return admission_.take_stream(user); },
                .buffers = stream_buffers_}),
      routes_(hub_, options_, admission_, *rights_, streams_),
      topic_changes_(admission_, *rights_,
                     {.find = [this](const StreamName& name) { return loops_.named_stream(name); },
                      .change = [this](const TopicChange& change) { return loops_.change_topics(change); }}),
      guarded_(server, admission_),
      direct_(
          routes_, [this](int status, RefusalReason reason) { refusals_.add(status, reason); },
          [this](std::function<void()> task) { return workers_.enqueue(std::move(task)); }),
      tls_(tls_context(options_, [this](const std::string& notice) { notify_of_tls(notice); })),
      presence_(options.streams.presence ? std::make_unique<Presence>() : nullptr),
      webhooks_(webhook_sender()) {}

Feed::Options Engine::feed_options() {
  return {.history_events = options_.history.events,
          .history_bytes = options_.history.bytes,
          .history_age = options_.history.age,
          .max_pinned_bytes = options_.streams.max_pinned_bytes,
          .max_retained_topics = options_.history.max_retained_topics,
          .max_retained_bytes = options_.history.max_retained_bytes,
          .epoch = memory_epoch(random_tag()),
          .clock = monotonic_now,
          .store = options_.store,
          .on_store_status = [this](const StoreStatus& status) { status_report_.tell(status); }};
}

// Of a store that servers share, it would know only a part.
std::shared_ptr<RetainedShares> Engine::retained_shares() const {
  if (options_.store != nullptr && options_.store->is_shared()) return nullptr;
  const ServerOptions::History& history = options_.history;
  return std::make_shared<RetainedShares>(RetainedShares::Bounds{
      .topics = history.max_retained_topics_per_publisher.value_or((history.max_retained_topics + 1) / 2),
      .bytes = history.max_retained_bytes_per_publisher.value_or((history.max_retained_bytes + 1) / 2),
      .topics_option = name_of_option(options_, "history.max_retained_topics_per_publisher"),
      .bytes_option = name_of_option(options_, "history.max_retained_bytes_per_publisher")});
}

// A running callback may still call the hub.
Engine::~Engine() {
  status_report_.stop();
}

void Engine::add_events(const std::string& path) {
  guarded_.add_events(path, routes_, topic_changes_, presence_.get());
  events_paths_.push_back(path);
}

OperationRoutes::Ports Engine::operation_ports() {
  return {.hub = hub_,
          .is_draining = [this] { return draining_.load(); },
          .metrics = [this] { return metrics(); },
          .metrics_format = options_.metrics,
          .subscriptions = [this] { return loops_.subscriptions(); },
          .disconnect = [this](const StreamSelection& selection,
                               const Farewell& farewell) { return loops_.disconnect(selection, farewell); }};
}

void Engine::add_health() {
  OperationRoutes::add_health_to(guarded_, operation_ports());
}

void Engine::add_operations_to(GuardedRoutes& routes) {
  OperationRoutes::add_to(routes, operation_ports());
}

ConnectionLoop::Settings Engine::loop_settings(const HttplibInsides& insides) {
  return {
      .options = options_,
      .read_timeout = insides.read_timeout,
      .write_timeout = insides.write_timeout,
      .keep_alive = insides.keep_alive_timeout,
      .max_requests = insides.keep_alive_count,
      .refusals = &refusals_,
      .presence = presence_.get(),
      .webhooks = webhooks_.get(),
      .commits = options_.store != nullptr ? &commits_ : nullptr,
      .buffers = buffers_.get(),
      .cross_origin = &admission_.cross_origin(),
      .on_begun_by_right = [this](const StreamRightPtr& right) { rights_->begun(right); },
      .on_drained = [this] { gradual_stop_.wake(); },
      .proxies = proxies_ ? &*proxies_ : nullptr,
      .downloads = &downloads_,
      .tls = tls_.get(),
      .tls_terms = tls_terms(),
      .on_foreign_protocol = [this](RefusalReason reason,
                                    const std::string& client) { report_foreign_protocol(reason, client); },
      .admit_stream = [this](const sockaddr_storage& peer,
                             RequestError& why_not) { return reception_.admit_stream(peer, why_not); },
      .take_address = [this](const sockaddr_storage& client) { return reception_.take_address(client); },
      .answer_refused = [this](const RequestError& error) { return reception_.answer(error); },
      .serve_here = [this](Exchange& exchange, std::string_view request) { return direct_.serve(exchange, request); }};
}

void Engine::start(std::unique_ptr<httplib::TaskQueue> workers) {
  const HttplibInsides insides = look_into(server_);
  const ConnectionLoop::Settings settings = loop_settings(insides);
  gradual_stop_.reset();
  guarded_.add_preflights();
  direct_.start(server_, events_paths_, options_);
  dispatch_.start(std::make_unique<HttplibBridge>(
      server_,
      ExchangeTerms{.read_timeout = settings.read_timeout,
                    .body_deadline = options_.http.body_deadline,
                    .write_timeout = settings.write_timeout,
                    .downloads = downloads_,
                    .is_stopping = [&socket = insides.listening_socket] { return socket == INVALID_SOCKET; }}));
  admission_.set_on_loopback(is_on_loopback(socket_to_accept_from(insides.listening_socket)));
  workers_.start(std::move(workers));
  if (options_.store != nullptr) commits_.start(options_.store->is_shared() ? kCommitsToAServer : kCommitsToADisk);
  loops_.start(loop_count(), [&] {
    return std::make_unique<ConnectionLoop>(
        feed_, settings, reception_.counts(),
        [this](const std::shared_ptr<Exchange>& exchange) {
          if (!direct_.publish_later(exchange)) dispatch_.dispatch(exchange);
        },
        [this](std::function<void()> callback) { workers_.run_callback(std::move(callback)); });
  });
  rights_->start();
}

// Requests already read are still answered. The last callbacks run here, after the loops have ended, so that they may
// do anything, unlike code on a loop's thread.
void Engine::stop() {
  if (!workers_.close()) return;
  rights_->stop();
  workers_.finish();
  commits_.stop();
  loops_.stop();
  workers_.run_left_over();
  if (presence_ != nullptr) presence_->reset();
  workers_.join();
  dispatch_.stop();
  draining_ = false;
}

int Engine::take_socket(int listening_socket) {
  if (taken_) throw std::invalid_argument("listening_socket: the server has one already");
  return taken_.emplace(listening_socket).stand_in();
}

void Engine::accept_from(int listening_socket) {
  reception_.accept_from(socket_to_accept_from(listening_socket), listening_socket, [this](int socket) {
    gradual_stop_.wait(socket, {.drain =
                                    [this](Duration window) {
                                      // Who accepts from it next is to have the connections that come now.
                                      if (taken_) reception_.stop_accepting();
                                      drain(window);
                                    },
                                .is_drained = [this] { return loops_.are_drained(); },
                                .shut_down = [this] { listening_.stop(); }});
  });
}

// Does not drain here: a callback on a loop's thread must not wait for the loops.
void Engine::stop_within(Duration window) {
  listening_.stop_by([&] { gradual_stop_.ask(std::min(window, kMaxReconnectionTime)); });
}

void Engine::drain(Duration window) {
  draining_ = true;
  loops_.drain(window);
}

void Engine::announce_listening() {
  if (options_.on_listening == nullptr) return;
  call_guarded(options_.on_failure, "on_listening", [this] { workers_.as_user_code(options_.on_listening); });
}

// Called on a loop's thread, which no exception may end.
void Engine::report_foreign_protocol(RefusalReason reason, const std::string& client) {
  if (options_.on_foreign_protocol == nullptr) return;
  if (const auto notice = foreign_.add(reason, client, monotonic_now())) {
    call_guarded(options_.on_failure, "on_foreign_protocol",
                 [&] { workers_.as_user_code([&] { options_.on_foreign_protocol(*notice); }); });
  }
}

std::size_t Engine::loop_count() const {
  return options_.threads.loops.value_or(std::max(1u, std::thread::hardware_concurrency()));
}

TlsTerms Engine::tls_terms() {
  if (!options_.tls) return {};
  return {.handshake_deadline = options_.tls->handshake_deadline,
          .max_handshakes = part_of(options_.tls->max_handshakes, loop_count()),
          .on_remark = [this](const TlsChannel::Remark& remark, const std::string& client) {
            const auto others = tls_notices_.allow(remark.kind, monotonic_now());
            if (!others) return;
            notify_of_tls("a TLS handshake with a client at " + client + ": " + remark.sentence +
                          NoticeLimit::tail(*others));
          }};
}

// Called in the constructor, on a loop's thread or on a thread of the program; no exception may end it.
void Engine::notify_of_tls(const std::string& notice) const {
  if (options_.tls->on_notice == nullptr) return;
  call_guarded(options_.on_failure, "tls.on_notice",
               [&] { workers_.as_user_code([&] { options_.tls->on_notice(notice); }); });
}

// What is notified may come on the sender's thread.
std::unique_ptr<WebhookSender> Engine::webhook_sender() {
  if (!options_.webhooks) return nullptr;
  return std::make_unique<WebhookSender>(*options_.webhooks, feed_, [this](const std::string& notice) {
    if (options_.webhooks->on_notice == nullptr) return;
    call_guarded(options_.on_failure, "webhooks.on_notice",
                 [&] { workers_.as_user_code([&] { options_.webhooks->on_notice(notice); }); });
  });
}

void Engine::reload_tls() {
  if (tls_ == nullptr) throw InvalidOption("ServerOptions::tls", "is not set: there is nothing to reload");
  tls_->reload();
}

namespace {

// What only the loops themselves know. A loop that is stuck must not keep operators from all else that there is to see.
void ask(const std::vector<std::unique_ptr<ConnectionLoop>>& loops, MetricsSnapshot& snapshot) {
  std::vector<std::future<std::size_t>> answers;
  answers.reserve(loops.size());
  for (const auto& loop : loops) answers.push_back(loop->catching_up());
  snapshot.silent_loops =
      take_answers(std::move(answers), [&](std::size_t catching_up) { snapshot.catching_up += catching_up; });
}

}  // namespace

std::vector<Metric> Engine::metrics() const {
  MetricsSnapshot snapshot{.hub = hub_.statistics(),
                           .speaks_tls = tls_ != nullptr,
                           .loops = {},
                           .refusals = &refusals_,
                           .cut_downloads = downloads_.cuts(),
                           .buffered_bytes = buffers_->held(),
                           .stream_buffered_bytes = stream_buffers_->budget().held(),
                           .cut_streams_too_slow = stream_buffers_->cuts(EventStreamEnd::kTooSlow),
                           .cut_streams_no_space = stream_buffers_->cuts(EventStreamEnd::kNoBufferSpace),
                           .pinned_bytes = feed_.pinned().bytes(),
                           .connections = reception_.counts().connections(),
                           .http2_streams = reception_.counts().http2_streams,
                           .sending = loops_.sending(),
                           .store_appends = feed_.store_appends(),
                           .waiting_publishes = commits_.waiting(),
                           .presence = {},
                           .webhooks = {}};
  if (presence_ != nullptr) snapshot.presence = presence_->statistics();
  if (webhooks_ != nullptr) snapshot.webhooks = webhooks_->statistics();
  std::vector<Metric> metrics;
  // Reads the loops' counters under their lock.
  loops_.visit([&](const std::vector<std::unique_ptr<ConnectionLoop>>& loops) {
    for (const auto& loop : loops) {
      snapshot.loops.push_back(&loop->counters());
      snapshot.streams += loop->open_streams();
    }
    ask(loops, snapshot);
    metrics = metrics_of(snapshot);
  });
  more_metrics_.append_to(metrics);
  return metrics;
}

}  // namespace millrace
