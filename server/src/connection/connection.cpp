#include "connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/peer_address.h"
#include "base/time_until.h"
#include "connection_loop.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

// Buffers in one sendmsg(); the system's own bound is 1024.
constexpr std::size_t kBuffersPerWrite = 64;

// Of presence, before others on the loop get their turn.
constexpr int kPresencePagesPerTurn = 4;

bool listens_to(const TopicFilter& filter, const std::string& name) {
  const auto topic = Topic::parse(name);
  return topic && filter.matches(*topic);
}

}  // namespace

class Connection::RequestStream final : public EventStream::State::Output {
 public:
  RequestStream(Connection& connection, std::shared_ptr<EventStream::State> state)
      : connection_(connection), state_(std::move(state)) {}

  EventStream::State& state() const { return *state_; }

  ssize_t write(std::string_view bytes) override {
    while (true) {
      const ssize_t count = ::send(connection_.socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) return count;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
      if (errno != EINTR) return -1;
    }
  }
  void defer(EventStream::State::Task task) override { connection_.loop_.defer(std::move(task)); }
  void on_wake() override { connection_.go_on(state_->flush()); }
  TimePoint now() const override { return monotonic_now(); }

 private:
  Connection& connection_;
  const std::shared_ptr<EventStream::State> state_;
};

Connection::Connection(ConnectionLoop& loop, int socket, Quota::Share share)
    : loop_(loop), socket_(socket), share_(std::move(share)) {}

Connection::~Connection() {
  if (subscriber_ != nullptr) {
    loop_.subscribers().remove(*subscriber_);
    loop_.forget_stored(stored_ticket_);
  }
  loop_.event_loop().timers().cancel(*this);
  ::close(socket_);
}

void Connection::start() {
  const ServerOptions& options = loop_.settings().options;
  set_deadline(options.http.head_deadline);
  if (!watch()) close();
}

bool Connection::watch() {
  watched_for_ = kInput;
  return loop_.event_loop().add(socket_, kInput, *this);
}

// Most requests need no call at all: what is watched for stays while a worker has the request, until something happens
// that has to wait.
void Connection::watch_for(std::uint32_t events) {
  if (std::exchange(watched_for_, events) != events) loop_.event_loop().modify(socket_, events, *this);
}

// The subscriber stays in the table until the turn ends: events may be on their way through it right now.
void Connection::close(StreamEnd reason) {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kStreaming) leave_stream(reason);
  phase_ = Phase::kClosed;
  loop_.event_loop().remove(socket_);
  loop_.discard(*this);
}

void Connection::on_ready(std::uint32_t events) {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody:
      return read_request();
    case Phase::kResponding:
      return write_output();
    case Phase::kStreaming:
      return on_stream_ready(events);
    case Phase::kLingering:
      return discard_input();
    case Phase::kWorking:
      return watch_for(kNothing);
    case Phase::kClosed:
      return;
  }
}

void Connection::on_timer(TimePoint now) {
  switch (phase_) {
    case Phase::kHead:
      if (intake_ == nullptr) return close();  // connected, and never said a word
      return reject({408, "the request head did not arrive in time", RefusalReason::kTooSlow});
    case Phase::kBody:
      return reject({408, "the request body did not arrive in time", RefusalReason::kTooSlow});
    case Phase::kStreaming:
      return on_stream_timer(now);
    case Phase::kResponding:
      if (output_ != nullptr && !turned_away_ && loop_.settings().downloads != nullptr) {
        loop_.settings().downloads->count_cut();
      }
      return close();
    case Phase::kIdle:
    case Phase::kLingering:
      return close();
    case Phase::kWorking:
    case Phase::kClosed:
      return;
  }
}

// --- Event streams --------------------------------------------------------------------------------------------------

void Connection::begin_stream() {
  phase_ = Phase::kStreaming;
  opened_at_ = loop_.event_loop().now();
  loop_.stream_opened();
  const Duration heartbeat = loop_.settings().options.streams.heartbeat;
  heartbeat_at_ = opened_at_ + heartbeat;
  set_stream_timer();
  watch_for(kInput);
}

void Connection::leave_stream(StreamEnd reason) {
  if (request_stream_ != nullptr) request_stream_->state().detach();
  if (terms_ != nullptr && terms_->on_close != nullptr) {
    loop_.run_on_worker([on_close = std::move(terms_->on_close), reason] { on_close(reason); });
  }
  if (terms_ != nullptr && terms_->right != nullptr) terms_->right->connection = nullptr;
  if (is_present_) loop_.left(subscriber_->filter(), listener());
  if (terms_ != nullptr && terms_->watch != nullptr) loop_.unwatch_presence(*this);
  loop_.stream_closed();
}

Presence::Listener Connection::listener() const {
  return {.user = terms_ != nullptr ? terms_->user : std::string(), .client = std::string(subscriber_->client())};
}

void Connection::on_stream_timer(TimePoint now) {
  if (terms_ != nullptr && terms_->ends_at && now >= *terms_->ends_at) {
    return retire(loop_.random_retry(reconnection_time(), reconnection_time()), StreamEnd::kLifetime);
  }
  if (is_lost(now)) return close();
  if (now >= heartbeat_at_) {
    heartbeat_at_ = now + loop_.settings().options.streams.heartbeat;
    unheard_since_ = std::min(unheard_since_, now);
    if (subscriber_ != nullptr) {
      subscriber_->heartbeat(loop_.subscribers().served(*subscriber_));
    } else {
      go_on(request_stream_->state().heartbeat());
    }
  }
  if (phase_ == Phase::kStreaming) set_stream_timer();
}

// Whether the client's machine has given no sign of life for too long, though it owes one: for bytes on their way, or
// for a question whether there is room again. One whose program does not read answers that question, and may stay: a
// cursor costs nothing. (TCP_USER_TIMEOUT would cut it.)
bool Connection::is_lost(TimePoint now) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (info.tcpi_unacked == 0 && info.tcpi_probes == 0) {
    unheard_since_ = TimePoint::max();
    return false;
  }
  const TimePoint last_heard = now - Duration{info.tcpi_last_ack_recv};
  if (unheard_since_ == TimePoint::max() || last_heard > unheard_since_) unheard_since_ = now;
  return now - unheard_since_ >= loop_.settings().options.streams.unacknowledged_timeout;
}

void Connection::retire(Duration retry, StreamEnd reason) {
  end_reason_ = reason;
  // Cut, the client comes back after the reconnection time it has.
  if (!subscriber_->retire(retry)) close(reason);
}

void Connection::subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                           std::string_view last_event_id, StreamTerms terms) {
  if (terms.right != nullptr) terms.right->connection = this;
  if (terms.ends_at || terms.retry || terms.on_close != nullptr || !terms.user.empty() || terms.right != nullptr) {
    terms_ = std::make_unique<StreamTerms>(std::move(terms));
  }
  begin_stream();
  subscription.filter = loop_.subscribers().shared(subscription.filter);
  const Duration retry = subscription.poll ? kPollRetry : reconnection_time();
  const bool is_poll = subscription.poll;
  subscriber_ = std::make_unique<Subscriber>(loop_.feed(), *this, std::move(subscription));
  loop_.subscribers().add(*subscriber_);
  if (loop_.settings().presence != nullptr) {
    if (!is_poll) is_present_ = loop_.joined(subscriber_->filter(), listener());  // a poll comes and goes all the time
    watch_presence();
  }
  subscriber_->start(cursor, last_event_id, head, retry);
  if (phase_ == Phase::kStreaming) loop_.stream_started(*this);
  // A poll that comes back has had the state: it waits for what changes.
  tell_presence(!is_poll || last_event_id.empty());
}

void Connection::watch_presence() {
  if (!Presence::concerns(subscriber_->filter())) return;
  if (terms_ == nullptr) terms_ = std::make_unique<StreamTerms>();
  terms_->watch = std::make_shared<Presence::Watch>(subscriber_->shared_filter());
  loop_.watch_presence(*this);
}

// While the subscriber is catching up, or its socket is full, it keeps nothing: what is so by then it gets afterwards.
void Connection::tell_presence(bool is_news) {
  if (terms_ == nullptr || terms_->watch == nullptr) return;
  // These events have no ID: a client that gets many of them needs its heartbeats all the same.
  const TimePoint heartbeat_at = heartbeat_at_;
  for (int pages = 0; phase_ == Phase::kStreaming && subscriber_->is_live(); ++pages) {
    if (pages == kPresencePagesPerTurn) {
      want_output(true);
      break;
    }
    const Presence::Page page = loop_.settings().presence->read(*terms_->watch);
    if (!page.events.empty()) subscriber_->tell(*EventType::parse(protocol::kPresenceEventType), page.events, is_news);
    if (!page.has_more) break;
  }
  heartbeat_at_ = heartbeat_at;
}

bool Connection::is_selected(const StreamSelection& selection) const {
  if (selection.user && (terms_ == nullptr || terms_->user != *selection.user)) return false;
  if (selection.client && !is_client(*selection.client)) return false;
  return !selection.topic || listens_to(subscriber_->filter(), *selection.topic);
}

void Connection::settle_right(const Authorizer::Decision& decision) {
  if (phase_ != Phase::kStreaming) return;
  if (!decision.is_allowed()) {
    return retire(loop_.random_retry(reconnection_time(), reconnection_time()), StreamEnd::kLifetime);
  }
  terms_->ends_at.reset();
  if (decision.until()) terms_->ends_at = loop_.event_loop().now() + time_until(*decision.until());
  set_stream_timer();
}

Duration Connection::reconnection_time() const {
  return terms_ != nullptr && terms_->retry ? *terms_->retry : loop_.settings().options.streams.retry;
}

SubscriptionInfo Connection::info() const {
  std::vector<std::string> topics;
  for (const TopicPattern& pattern : subscriber_->filter().patterns()) topics.emplace_back(pattern.view());
  return {.topics = std::move(topics),
          .client = std::string(subscriber_->client()),
          .user = terms_ != nullptr ? terms_->user : std::string(),
          .address = peer_address(socket_),
          .age = loop_.event_loop().now() - opened_at_,
          .live = subscriber_->is_live()};
}

void Connection::stream(std::string_view head, std::shared_ptr<EventStream::State> state) {
  begin_stream();
  request_stream_ = std::make_unique<RequestStream>(*this, std::move(state));
  request_stream_->state().attach(*request_stream_, head);
  request_stream_->on_wake();
}

void Connection::on_stream_ready(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) return close();
  if ((events & EPOLLIN) != 0) discard_input();  // a client has nothing to say any more
  if (phase_ != Phase::kStreaming || (events & EPOLLOUT) == 0) return;
  if (subscriber_ != nullptr) {
    read_on();
  } else {
    request_stream_->on_wake();
  }
}

void Connection::read_on() {
  subscriber_->catch_up();
  // Whoever waits for its turn, or for the store, does not wait for the socket.
  if (phase_ != Phase::kStreaming) return;
  if (subscriber_->is_live() || subscriber_->awaits_stored() || reads_later_) want_output(false);
  tell_presence();
}

void Connection::yield() {
  loop_.read_later(*this);
}

WorkBudget& Connection::reading() {
  return loop_.reading();
}

void Connection::go_on(EventStream::State::Progress progress) {
  switch (progress) {
    case EventStream::State::Progress::kWritten:
      return want_output(false);
    case EventStream::State::Progress::kWaiting:
      return want_output(true);
    case EventStream::State::Progress::kOver:
      leave_stream(StreamEnd::kClosed);
      return linger();
    case EventStream::State::Progress::kCut:
      return close(StreamEnd::kClosed);
  }
}

std::size_t Connection::write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) {
  std::size_t written = 0;
  while (!frames.empty() && phase_ == Phase::kStreaming) {
    std::array<iovec, kBuffersPerWrite> buffers;
    const std::size_t count = std::min(frames.size(), buffers.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view wire = frames[i]->wire(form);
      wire.remove_prefix(std::exchange(skip, 0));
      buffers[i] = {.iov_base = const_cast<char*>(wire.data()), .iov_len = wire.size()};  // iovec knows no const
      bytes += wire.size();
    }
    const std::size_t sent = send({buffers.data(), count});
    written += sent;
    count_delivery(frames.first(count), sent, bytes);
    if (sent < bytes) {
      if (phase_ == Phase::kStreaming) want_output(true);
      return written;
    }
    frames = frames.subspan(count);
  }
  heartbeat_at_ = loop_.event_loop().now() + loop_.settings().options.streams.heartbeat;
  return written;
}

std::size_t Connection::take_result(std::span<const FramePtr> frames, std::size_t bytes, ssize_t result) {
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
  if (result < 0 && result != -EAGAIN) {
    close();
    return 0;
  }
  count_delivery(frames, sent, bytes);
  if (sent < bytes) want_output(true);
  heartbeat_at_ = loop_.event_loop().now() + loop_.settings().options.streams.heartbeat;
  return sent;
}

// The subscriber has ended: what is left to say is said as behind any response.
void Connection::end() {
  leave_stream(end_reason_);
  phase_ = Phase::kResponding;
  keep_alive_ = false;
  set_output(subscriber_->ending());
  write_output();
}

void Connection::read_stored(std::uint64_t sequence) {
  stored_ticket_ = loop_.read_stored(*this, sequence, subscriber_->shared_filter());
}

void Connection::take_stored(const Feed::Page& page) {
  if (phase_ == Phase::kStreaming) subscriber_->take_stored(page);
  tell_presence();
}

void Connection::on_gap() {
  loop_.counters().gaps.add(1);
}

void Connection::count_delivery(std::span<const FramePtr> frames, std::size_t sent, std::size_t bytes) {
  loop_.counters().bytes.add(sent);
  // Frames without an event come alone. Of those that did not all fit, the rest is counted when it is sent.
  if (!frames.front()->topic) return;
  std::size_t whole = frames.size();
  while (whole > 0 && bytes > sent) bytes -= frames[--whole]->wire(subscriber_->form()).size();
  loop_.counters().deliveries.add(whole);
}

// --- The socket -----------------------------------------------------------------------------------------------------

// Bytes the socket took. A broken one is closed.
std::size_t Connection::send(std::span<iovec> buffers) {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  while (true) {
    const ssize_t count = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) close();
    return 0;
  }
}

void Connection::want_output(bool wanted) {
  watch_for(kInput | (wanted ? EPOLLOUT : 0u));
}

void Connection::set_deadline(Duration after) {
  loop_.event_loop().timers().set(*this, loop_.event_loop().now() + after);
}

// Writing does not move it: that would cost as much as the writing. And a client that is gone has to be noticed while
// much is written to it, too.
void Connection::set_stream_timer() {
  const Duration look = std::max(loop_.settings().options.streams.heartbeat / 2, Duration{1});
  TimePoint deadline = std::min(loop_.event_loop().now() + look, heartbeat_at_);
  if (terms_ != nullptr && terms_->ends_at) deadline = std::min(deadline, *terms_->ends_at);
  loop_.event_loop().timers().set(*this, deadline);
}

}  // namespace millrace
