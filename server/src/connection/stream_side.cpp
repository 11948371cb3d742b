#include "stream_side.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "base/peer_address.h"
#include "base/time_until.h"
#include "connection.h"
#include "connection_loop.h"
#include "millrace/core/protocol.h"
#include "millrace/server/limits.h"
#include "request_stream.h"

namespace millrace {

namespace {

// Pages of presence before others on the loop get their turn.
constexpr int kPresencePagesPerTurn = 4;

}  // namespace

StreamSide::StreamSide() = default;
StreamSide::~StreamSide() = default;

void StreamSide::forget() {
  if (subscriber_ == nullptr) return;
  loop().subscribers().remove(*subscriber_);
  loop().forget_stored(stored_ticket_);
}

void StreamSide::clear() {
  assert(!is_open());
  forget();
  subscriber_.reset();
  request_stream_.reset();
  terms_.reset();
  stored_ticket_ = 0;
  is_present_ = is_told_ = reads_later_ = false;
  end_reason_ = StreamEnd::kFinished;
}

void StreamSide::subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                           std::string_view last_event_id, StreamTerms terms) {
  if (terms.right != nullptr) terms.right->stream = this;
  if (terms.is_needed()) terms_ = std::make_unique<StreamTerms>(std::move(terms));
  begin();
  subscription.filter = loop().subscribers().shared(subscription.filter);
  const Duration retry = subscription.poll ? kPollRetry : reconnection_time();
  const bool is_poll = subscription.poll;
  subscriber_ = std::make_unique<Subscriber>(loop().feed(), *this, std::move(subscription));
  loop().subscribers().add(*subscriber_);
  if (terms_ != nullptr && terms_->is_changeable) {
    terms_->opening = loop().names().add(name(), loop(), *this);
  }
  if (loop().settings().presence != nullptr) {
    // Polls would join and leave all the time.
    if (!is_poll) is_present_ = loop().joined(subscriber_->filter(), listener(), note());
    watch_presence();
  }
  if (!is_poll) tell_begun();
  begin_intervals();
  subscriber_->start(cursor, last_event_id, head, retry);
  if (is_open()) loop().stream_started(*this);
  // A poll that resumes has had the state: it waits for changes.
  tell_presence(!is_poll || last_event_id.empty());
}

void StreamSide::open(std::string_view head, std::shared_ptr<EventStream::State> state, StreamTerms terms) {
  if (terms.is_needed()) terms_ = std::make_unique<StreamTerms>(std::move(terms));
  begin();
  request_stream_ = std::make_unique<RequestStream>(*this, std::move(state));
  request_stream_->begin(head);
}

ConnectionLoop& StreamSide::loop() const {
  return connection().loop();
}

bool StreamSide::is_open() const {
  return connection().is_streaming();
}

void StreamSide::begin() {
  assert(!has_stream());
  connection().enter(Connection::Phase::kStreaming);
  opened_at_ = loop().event_loop().now();
  is_counted_ = true;
  loop().stream_opened();
  put_off_heartbeat();
  set_timer();
  connection().watch_for(Connection::kInput);
}

void StreamSide::leave(StreamEnd reason) {
  if (request_stream_ != nullptr) request_stream_->leave();
  if (terms_ != nullptr && terms_->on_close != nullptr) {
    loop().run_on_worker([on_close = std::move(terms_->on_close), reason] { on_close(reason); });
  }
  if (terms_ != nullptr && terms_->right != nullptr) terms_->right->stream = nullptr;
  if (terms_ != nullptr && terms_->is_changeable) loop().names().remove(name(), terms_->opening);
  if (is_present_) loop().left(subscriber_->filter(), listener());
  if (is_told_) loop().settings().webhooks->unsubscribed(subscriber_->filter(), client_for_webhooks());
  if (terms_ != nullptr && terms_->watch != nullptr) loop().unwatch_presence(*this);
  end_access(reason);
}

void StreamSide::note_end(AccessEnd end) {
  if (terms_ != nullptr && terms_->access != nullptr) terms_->access->record.end = end;
}

void StreamSide::end_access(StreamEnd reason) {
  if (terms_ == nullptr || terms_->access == nullptr) return;
  AccessRecord& record = terms_->access->record;
  if (request_stream_ != nullptr) record.bytes = request_stream_->bytes();
  constexpr AccessEnd kOf[] = {AccessEnd::kClientLeft, AccessEnd::kFinished, AccessEnd::kExpired, AccessEnd::kStopped};
  if (record.end == AccessEnd::kAnswered) record.end = kOf[static_cast<std::size_t>(reason)];
  millrace::end_access(loop().settings().options, std::move(terms_->access), loop().event_loop().now());
}

void StreamSide::stop_counting() {
  if (is_counted_) loop().stream_closed();
  is_counted_ = false;
}

Presence::Listener StreamSide::listener() const {
  return {.user = terms_ != nullptr ? terms_->user : std::string(), .client = std::string(subscriber_->client())};
}

std::string_view StreamSide::note() const {
  return terms_ != nullptr ? std::string_view(terms_->note) : std::string_view();
}

void StreamSide::tell_begun() {
  if (loop().settings().webhooks == nullptr) return;
  WebhookSender::Client client = client_for_webhooks();
  client.address = client_address();
  if (terms_ != nullptr && terms_->traceparent != nullptr) {
    client.traceparent = *terms_->traceparent;
    terms_->traceparent = nullptr;
  }
  loop().settings().webhooks->subscribed(subscriber_->filter(), client);
  is_told_ = true;
}

std::string StreamSide::client_address() const {
  return terms_ != nullptr && !terms_->address.empty() ? terms_->address : address_text(peer_of(connection().socket()));
}

WebhookSender::Client StreamSide::client_for_webhooks() const {
  auto [user, client] = listener();
  return {.user = std::move(user), .client = std::move(client), .address = {}, .holder = std::string(holder().key())};
}

// The socket of a client that is gone has no address any more, but the connection still has its share.
Who StreamSide::holder() const {
  if (terms_ != nullptr && !terms_->user.empty()) return Who::user(terms_->user);
  if (terms_ != nullptr && !terms_->address.empty()) return Who::address(terms_->address);
  if (const auto counted = connection().share().holder()) return *counted;
  return Who::network(peer_of(connection().socket()));
}

void StreamSide::on_ready(std::uint32_t events) {
  if ((events & (Ready::kError | Ready::kHangUp | Ready::kInputEnd)) != 0) return connection().close();
  if ((events & Ready::kInput) != 0) connection().discard_input();  // clients of event streams send nothing more
  if (!is_open() || (events & Ready::kOutput) == 0) return;
  if (subscriber_ != nullptr) {
    read_on();
  } else {
    request_stream_->on_wake();
  }
}

void StreamSide::begin_intervals() {
  const Duration interval = subscriber_->interval();
  if (interval == Duration{0}) return;
  if (terms_ == nullptr) terms_ = std::make_unique<StreamTerms>();
  terms_->next_interval = loop().event_loop().now() + interval;
  set_timer();
}

// Returns whether the timer is due for something else.
bool StreamSide::end_interval(TimePoint now) {
  TimePoint& next = *terms_->next_interval;
  if (now >= next) {
    // Keeps to the schedule, but skips missed intervals.
    next = std::max(next + subscriber_->interval(), now);
    subscriber_->next_interval();
    tell_presence();
    if (!is_open()) return false;
  }
  if (now >= terms_->looks_at) return true;
  loop().event_loop().timers().set(connection(), std::min(next, terms_->looks_at));
  return false;
}

void StreamSide::on_timer(TimePoint now) {
  if (terms_ != nullptr && terms_->next_interval && !end_interval(now)) return;
  if (terms_ != nullptr && terms_->ends_at && now >= *terms_->ends_at) {
    return retire(loop().random_retry(reconnection_time(), reconnection_time()), StreamEnd::kLifetime,
                  AccessEnd::kExpired);
  }
  if (!connection().is_stream() &&
      client_.is_lost(connection().socket(), now, loop().settings().options.streams.unacknowledged_timeout)) {
    note_end(AccessEnd::kVanished);
    return connection().close();
  }
  if (now >= heartbeat_at_) {
    heartbeat_at_ = now + loop().settings().options.streams.heartbeat;
    client_.owes_a_sign(now);
    if (subscriber_ != nullptr) {
      subscriber_->heartbeat(loop().subscribers().served(*subscriber_));
    } else {
      request_stream_->heartbeat();
    }
  }
  if (is_open()) set_timer();
}

void StreamSide::retire(Duration retry, StreamEnd reason, AccessEnd noted) {
  end_reason_ = reason;
  note_end(noted);
  // A client that is cut keeps its reconnection time.
  if (!subscriber_->retire(retry)) connection().close(reason);
}

void StreamSide::dismiss() {
  end_reason_ = StreamEnd::kClosed;
  note_end(AccessEnd::kDisconnected);
  subscriber_->dismiss();
}

void StreamSide::watch_presence() {
  if (!Presence::concerns(subscriber_->filter())) return;
  if (terms_ == nullptr) terms_ = std::make_unique<StreamTerms>();
  terms_->watch = std::make_shared<Presence::Watch>(subscriber_->shared_filter());
  loop().watch_presence(*this);
}

// While the subscriber is catching up or its socket is full, nothing is queued: afterwards it reads the state of that
// time.
void StreamSide::tell_presence(bool is_news) {
  if (terms_ == nullptr || terms_->watch == nullptr) return;
  // These events have no ID, so they do not put off heartbeats, which carry the cursor.
  const TimePoint heartbeat_at = heartbeat_at_;
  for (int pages = 0; is_open() && subscriber_->is_live(); ++pages) {
    if (pages == kPresencePagesPerTurn) {
      connection().want_output(true);
      break;
    }
    const Presence::Page page = loop().settings().presence->read(*terms_->watch);
    if (!page.events.empty()) subscriber_->tell(EventType(protocol::kPresenceEventType), page.events, is_news);
    if (!page.has_more) break;
  }
  heartbeat_at_ = heartbeat_at;
}

StreamName StreamSide::name() const {
  return {.user = terms_->user, .client = std::string(subscriber_->client())};
}

NamedStream StreamSide::named() const {
  return {.filter = subscriber_->shared_filter(), .opening = terms_->opening};
}

bool StreamSide::change_topics(const TopicChange& change) {
  const bool is_as_it_was =
      is_open() && terms_->opening == change.opening && subscriber_->filter().key() == change.from->key();
  if (!is_as_it_was) return false;
  file_anew(change);
  renew_right(change);
  return true;
}

void StreamSide::file_anew(const TopicChange& change) {
  const bool is_watched = loop().settings().presence != nullptr;
  SubscriberTable& table = loop().subscribers();
  const auto before = subscriber_->shared_filter();
  const auto filter = table.shared(change.to);
  const std::uint64_t served = table.served(*subscriber_);
  table.remove(*subscriber_);
  subscriber_->listen_to(filter, change.with_state, served);
  table.add(*subscriber_);
  if (is_told_) loop().settings().webhooks->changed(*before, *filter, client_for_webhooks());
  if (!is_watched) return;
  // Presence collects changes for a moment, so it reports nothing about topics that stay.
  if (is_present_) loop().left(*before, listener());
  is_present_ = loop().joined(*filter, listener(), note());
  if (std::exchange(terms_->watch, nullptr) != nullptr) loop().unwatch_presence(*this);
  watch_presence();
}

void StreamSide::renew_right(const TopicChange& change) {
  if (change.until) {
    const TimePoint ends_at = loop().event_loop().now() + time_until(*change.until);
    if (!terms_->ends_at || ends_at < *terms_->ends_at) terms_->ends_at = ends_at;
    set_timer();
  }
  if (terms_->right == nullptr) return;
  const auto right = std::make_shared<StreamRight>(*terms_->right, subscriber_->shared_filter(), change.asked_in);
  terms_->right->stream = nullptr;
  right->stream = this;
  terms_->right = right;
  loop().settings().on_begun_by_right(right);
}

bool StreamSide::is_selected(const StreamSelection& selection) const {
  if (selection.user && (terms_ == nullptr || terms_->user != *selection.user)) return false;
  if (selection.client && !is_client(*selection.client)) return false;
  const std::optional<OwnedTopic>& topic = selection.topic.topic();
  return !topic || subscriber_->filter().matches(*topic);
}

void StreamSide::settle_right(const Authorizer::Decision& decision) {
  if (!is_open() || decision.is_unavailable()) return;
  // The right of another user does not count: the topics, the share and the presence of this stream belong to its own.
  if (!decision.is_allowed() || decision.user() != terms_->user) {
    return retire(loop().random_retry(reconnection_time(), reconnection_time()), StreamEnd::kLifetime,
                  AccessEnd::kRevoked);
  }
  terms_->ends_at.reset();
  if (decision.until()) terms_->ends_at = loop().event_loop().now() + time_until(*decision.until());
  set_timer();
}

Duration StreamSide::reconnection_time() const {
  return terms_ != nullptr && terms_->retry ? *terms_->retry : loop().settings().options.streams.retry;
}

SubscriptionInfo StreamSide::info() const {
  std::vector<std::string> topics;
  for (const TopicPattern& pattern : subscriber_->filter().patterns()) topics.emplace_back(pattern.view());
  return {.topics = std::move(topics),
          .client = std::string(subscriber_->client()),
          .user = terms_ != nullptr ? terms_->user : std::string(),
          .address = client_address(),
          .age = loop().event_loop().now() - opened_at_,
          .live = subscriber_->is_live()};
}

void StreamSide::put_off_heartbeat() {
  heartbeat_at_ = loop().event_loop().now() + loop().settings().options.streams.heartbeat;
}

// Writing does not move the timer, which would cost as much as the write. The timer also detects a lost client while
// much is written to it.
void StreamSide::set_timer() {
  const Duration look = std::max(loop().settings().options.streams.heartbeat / 2, Duration{1});
  TimePoint deadline = std::min(loop().event_loop().now() + look, heartbeat_at_);
  if (terms_ != nullptr && terms_->ends_at) deadline = std::min(deadline, *terms_->ends_at);
  if (terms_ != nullptr && terms_->next_interval) {
    terms_->looks_at = deadline;
    deadline = std::min(deadline, *terms_->next_interval);
  }
  loop().event_loop().timers().set(connection(), deadline);
}

}  // namespace millrace
