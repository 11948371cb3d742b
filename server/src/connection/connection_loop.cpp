#include "connection_loop.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <utility>

#include "base/grow.h"
#include "connection.h"
#include "http2_connection.h"
#include "hub/presence.h"
#include "log/event_log.h"
#include "log/pinned_bytes.h"
#include "thread_name.h"

namespace millrace {

namespace {

// The loop whose thread this is.
thread_local const ConnectionLoop* running_loop = nullptr;

std::unique_ptr<BatchSender> sender(const ServerOptions& options, std::string& why_no_io_uring) {
  auto io_uring = options.threads.io_uring ? BatchSender::with_io_uring(why_no_io_uring) : nullptr;
  return io_uring != nullptr ? std::move(io_uring) : BatchSender::with_system_calls();
}

}  // namespace

ConnectionLoop::ConnectionLoop(Feed& feed, Settings settings, ConnectionCounts& counts, Dispatch dispatch,
                               RunOnWorker run_on_worker)
    : feed_(feed),
      settings_(std::move(settings)),
      counts_(counts),
      dispatch_(std::move(dispatch)),
      run_on_worker_(std::move(run_on_worker)),
      random_(std::random_device{}()),
      proxied_clients_(settings_.proxies, settings_.take_address),
      sender_(sender(settings_.options, why_no_io_uring_)),
      uses_io_uring_(sender_->uses_io_uring()) {
  if (settings_.tls != nullptr) {
    handshakes_.emplace(*settings_.tls, settings_.tls_terms, counters_);
    records_.reserve(kServedAtOnce * TlsChannel::kMaxSealedBytes);
  }
  feed_.attach(*this);
  if (settings_.presence != nullptr) settings_.presence->attach(*this);
  thread_ = std::thread([this] { run(); });
}

ConnectionLoop::~ConnectionLoop() {
  feed_.detach(*this);
  if (settings_.presence != nullptr) settings_.presence->detach(*this);
  loop_.stop();
  thread_.join();
}

void ConnectionLoop::run() {
  name_this_thread("millrace-loop");
  running_loop = this;
  takes_posted_soon_ = true;
  loop_.run([this](std::chrono::nanoseconds spent) { return end_turn(spent); });
  waiting_.clear();
  while (!connections_.empty()) {
    connections_.back()->close(StreamEnd::kClosed);
    end_turn({});
  }
}

void ConnectionLoop::accept_from(int listening_socket, Acceptor::Take take) {
  loop_.defer([this, listening_socket, take = std::move(take)] { acceptor_.emplace(loop_, listening_socket, take); });
}

void ConnectionLoop::stop_accepting() {
  std::promise<void> stopped;
  loop_.defer([&] {
    acceptor_.reset();
    stopped.set_value();
  });
  stopped.get_future().get();
}

void ConnectionLoop::adopt(int socket, Quota::Share share) {
  load_.fetch_add(1, std::memory_order_relaxed);
  if (running_loop == this) return add(socket, std::move(share)).start();
  // A task must be copyable, and a share is not.
  loop_.defer([this, socket, share = std::make_shared<Quota::Share>(std::move(share))] {
    add(socket, std::move(*share)).start();
  });
}

void ConnectionLoop::refuse(int socket, std::string response) {
  load_.fetch_add(1, std::memory_order_relaxed);
  if (running_loop == this) return add(socket, {}).refuse(std::move(response));
  loop_.defer([this, socket, response = std::move(response)] { add(socket, {}).refuse(response); });
}

Connection& ConnectionLoop::add(int socket, Quota::Share share) {
  make_room(connections_);
  connections_.push_back(std::make_unique<Connection>(*this, socket, std::move(share)));
  connections_.back()->index_ = static_cast<std::uint32_t>(connections_.size() - 1);
  return *connections_.back();
}

Connection& ConnectionLoop::add_stream(Http2Connection& carrier, std::uint32_t stream, Quota::Share share) {
  load_.fetch_add(1, std::memory_order_relaxed);
  make_room(connections_);
  connections_.push_back(std::make_unique<Connection>(*this, carrier, stream, std::move(share)));
  connections_.back()->index_ = static_cast<std::uint32_t>(connections_.size() - 1);
  connections_.back()->set_deadline(settings_.options.http.head_deadline);
  return *connections_.back();
}

bool ConnectionLoop::is_running_here() const {
  return running_loop == this;
}

void ConnectionLoop::forget(Http2Connection& connection) {
  std::erase(to_send_, &connection);
  std::erase(to_wake_, &connection);
}

void ConnectionLoop::discard(Connection& connection) {
  discarded_.push_back(&connection);
}

void ConnectionLoop::forget_stream(Connection& connection) {
  connection.stop_counting();
  ended_.push_back(&connection);
}

StreamSide& ConnectionLoop::stream_of(const Subscriber& subscriber) {
  return static_cast<StreamSide&>(subscriber.outlet());
}

// A copy, because callers change the table while they go through the list.
std::vector<StreamSide*> ConnectionLoop::subscribed_streams() const {
  std::vector<StreamSide*> streams;
  subscribers_.for_each([&](Subscriber& subscriber) {
    StreamSide& stream = stream_of(subscriber);
    if (stream.connection().is_streaming()) streams.push_back(&stream);
  });
  return streams;
}

// Runs `call` on the loop's thread. It owns what it uses, because the caller may have given up when the loop answers.
template <typename Call>
auto ConnectionLoop::ask(Call call) {
  const auto answer = std::make_shared<std::promise<decltype(call())>>();
  loop_.defer([answer, call = std::move(call)] { answer->set_value(call()); });
  return answer->get_future();
}

std::future<std::size_t> ConnectionLoop::disconnect(std::string client) {
  return ask([this, client = std::move(client)] {
    std::size_t cut = 0;
    for (StreamSide* stream : subscribed_streams()) {
      if (!stream->is_client(client)) continue;
      stream->note_end(AccessEnd::kDisconnected);
      stream->connection().close(StreamEnd::kClosed);
      ++cut;
    }
    return cut;
  });
}

std::future<std::size_t> ConnectionLoop::disconnect(StreamSelection selection, Farewell farewell) {
  return ask([this, selection = std::move(selection), farewell] {
    std::size_t ended = 0;
    for (StreamSide* stream : subscribed_streams()) {
      if (!stream->is_selected(selection)) continue;
      if (farewell.for_good) {
        stream->dismiss();
      } else {
        const Duration retry = farewell.retry.value_or(stream->reconnection_time());
        stream->retire(random_retry(retry, retry), StreamEnd::kClosed, AccessEnd::kDisconnected);
      }
      ++ended;
    }
    return ended;
  });
}

std::future<std::optional<NamedStream>> ConnectionLoop::named_stream(StreamName name, std::uint64_t opening) {
  return ask([this, name = std::move(name), opening] {
    const auto found = names().find(name, opening);
    return found && found->loop == this ? std::optional(found->stream->named()) : std::nullopt;
  });
}

std::future<bool> ConnectionLoop::change_topics(TopicChange change) {
  return ask([this, change = std::move(change)] {
    const auto newest = names().newest(change.name);
    return newest && newest->loop == this && newest->stream->change_topics(change);
  });
}

std::future<std::vector<StreamRightPtr>> ConnectionLoop::open_rights() {
  return ask([this] {
    std::vector<StreamRightPtr> rights;
    for (const StreamSide* stream : subscribed_streams()) {
      if (StreamRightPtr right = stream->right()) rights.push_back(std::move(right));
    }
    return rights;
  });
}

std::future<std::vector<SubscriptionInfo>> ConnectionLoop::subscriptions() {
  return ask([this] {
    std::vector<SubscriptionInfo> infos;
    for (const StreamSide* stream : subscribed_streams()) infos.push_back(stream->info());
    return infos;
  });
}

std::future<std::size_t> ConnectionLoop::catching_up() {
  return ask([this] {
    std::size_t count = 0;
    subscribers_.for_each([&](const Subscriber& subscriber) { count += subscriber.is_live() ? 0 : 1; });
    return count;
  });
}

void ConnectionLoop::drain(Duration window) {
  loop_.defer([this, window] {
    drain_window_ = window;
    for (StreamSide* stream : subscribed_streams()) retire(*stream, window, AccessEnd::kDrained);
    go_away();
  });
}

// A copy, because go_away() ends a connection without streams.
void ConnectionLoop::go_away() {
  std::vector<Connection*> connections;
  for (const auto& one : connections_) {
    if (one->phase() == Connection::Phase::kHttp2) connections.push_back(one.get());
  }
  for (Connection* const one : connections) one->http2()->go_away();
}

// At the end of a turn, because within one a request that becomes a stream may be neither.
void ConnectionLoop::look_whether_drained() {
  const bool was_drained = is_drained_.exchange(drain_window_ && open_streams_ == 0 && busy_ == 0);
  if (is_drained_ && !was_drained && settings_.on_drained != nullptr) settings_.on_drained();
}

// The stream may have been on its way from a worker when drain() ran.
void ConnectionLoop::stream_started(StreamSide& stream) {
  if (drain_window_) return retire(stream, *drain_window_, AccessEnd::kDrained);
  if (const StreamRightPtr right = stream.right()) settings_.on_begun_by_right(right);
}

void ConnectionLoop::retire(StreamSide& stream, Duration window, AccessEnd noted) {
  stream.retire(random_retry(stream.reconnection_time(), window), StreamEnd::kClosed, noted);
}

bool ConnectionLoop::joined(const TopicFilter& filter, const Presence::Listener& listener, std::string_view note) {
  const auto [is_counted, asks] = settings_.presence->join(filter, listener, note);
  if (asks) report_presence_soon();
  return is_counted;
}

void ConnectionLoop::left(const TopicFilter& filter, const Presence::Listener& listener) {
  if (settings_.presence->leave(filter, listener)) report_presence_soon();
}

void ConnectionLoop::report_presence_soon() {
  loop_.timers().set(presence_timer_, loop_.now() + kPresenceInterval);
}

void ConnectionLoop::report_presence() {
  if (!settings_.presence->report()) report_presence_soon();
}

void ConnectionLoop::on_presence() {
  loop_.defer([this] {
    // A copy, because telling a stream may close it.
    const std::vector<StreamSide*> watchers(presence_watchers_.begin(), presence_watchers_.end());
    for (StreamSide* stream : watchers) stream->tell_presence();
  });
}

Duration ConnectionLoop::random_retry(Duration usual, Duration window) {
  std::uniform_int_distribution<Duration::rep> extra(0, window.count());
  return usual + Duration{extra(random_)};
}

void ConnectionLoop::post(const FramePtr& frame) {
  post_group({&frame, 1});
}

void ConnectionLoop::post_group(std::span<const FramePtr> frames) {
  {
    const MutexLock lock(mutex_);
    if (has_missed_frames_) return;
    for (const FramePtr& frame : frames) {
      has_missed_frames_ = posted_.size() >= kMaxPostedFrames || posted_bytes_ >= kMaxPostedBytes;
      if (has_missed_frames_) break;
      posted_.push_back(frame);
      posted_bytes_ += frame->bytes.size();
    }
  }
  if (running_loop == this && takes_posted_soon_) return;
  loop_.wake();
}

// Sends all waiting events together: one write for each subscriber, however many events there are. Between groups of
// subscribers, the loop serves sockets and tasks. Deliveries get as much time as those have taken, so that fast
// publishers cannot starve subscribers.
bool ConnectionLoop::end_turn(std::chrono::nanoseconds spent) {
  spent += serve_requests();
  commits_.pass_on();
  takes_posted_soon_ = false;
  const bool took_posted = take_posted();
  const auto until = std::chrono::steady_clock::now() + spent;
  std::size_t rounds = 0;
  written_ = 0;
  wake_http2();
  do {
    if (subscribers_.has_more()) subscribers_.serve(kServedAtOnce, *this);
    read_on();
  } while (has_deliveries() && (gathers_more(rounds) || std::chrono::steady_clock::now() < until));
  send_http2();
  if (handshakes_) handshakes_->take_turns(has_deliveries());
  if (feed_.pinned().bytes() > feed_.pinned().max()) cut_slowest();
  remove_ended();
  if (drain_window_) look_whether_drained();
  takes_posted_soon_ = true;
  return has_deliveries() || !waiting_.empty() || !took_posted || !to_wake_.empty() || !to_send_.empty() ||
         (handshakes_ && handshakes_->has_more());
}

// Streams and connections that have ended in this turn. Until now the table may have been serving them.
void ConnectionLoop::remove_ended() {
  const auto reads_later = [](const Connection* one) { return one->stream_side().reads_later(); };
  if (std::any_of(discarded_.begin(), discarded_.end(), reads_later) ||
      std::any_of(ended_.begin(), ended_.end(), reads_later)) {
    std::erase_if(readers_, [](const StreamSide* one) { return !one->connection().is_streaming(); });
  }
  for (Connection* connection : ended_) connection->stream_side().clear();
  ended_.clear();
  for (Connection* connection : discarded_) {
    proxied_clients_.forget(*connection);
    const std::uint32_t index = connection->index_;
    --(connection->is_refused() ? counts_.refused : counts_.open);
    if (connection->is_stream()) --counts_.http2_streams;
    load_.fetch_sub(1, std::memory_order_relaxed);
    connections_[index].swap(connections_.back());
    connections_[index]->index_ = index;
    connections_.pop_back();
  }
  discarded_.clear();
}

// Cuts those furthest behind first, until an eighth of the bound is free, so that one search serves several cuts. It
// sends no last chunk, so that a client knows that more would follow.
void ConnectionLoop::cut_slowest() {
  constexpr Duration kPause{20};
  if (loop_.now() - looked_for_pinned_at_ < kPause) return;
  std::vector<Subscriber*> slowest;
  subscribers_.for_each([&](Subscriber& subscriber) {
    if (subscriber.pins()) slowest.push_back(&subscriber);
  });
  std::sort(slowest.begin(), slowest.end(),
            [](const Subscriber* one, const Subscriber* other) { return one->cursor() < other->cursor(); });
  const PinnedBytes& pinned = feed_.pinned();
  const std::size_t enough = pinned.max() - pinned.max() / 8;
  for (auto one = slowest.begin(); one != slowest.end() && pinned.bytes() > enough; ++one) {
    stream_of(**one).note_end(AccessEnd::kTooSlow);
    stream_of(**one).connection().close(StreamEnd::kClosed);
    (*one)->let_go();
    counters_.pinned_cuts.add(1);
  }
  if (pinned.bytes() > pinned.max()) looked_for_pinned_at_ = loop_.now();  // other loops pin the rest
}

// Returns false if the posted frames must wait until more of the earlier ones are delivered. Then the loop must not
// sleep: perhaps no other event would wake it.
bool ConnectionLoop::take_posted() {
  if (subscribers_.batched() >= kMaxPostedFrames || subscribers_.batched_bytes() >= kMaxPostedBytes) return false;
  bool has_missed_frames = false;
  {
    const MutexLock lock(mutex_);
    taken_.swap(posted_);
    posted_bytes_ = 0;
    has_missed_frames = std::exchange(has_missed_frames_, false);
  }
  subscribers_.post(taken_);
  taken_.clear();
  if (has_missed_frames) subscribers_.for_each([](Subscriber& subscriber) { subscriber.fall_behind(); });
  return true;
}

}  // namespace millrace
