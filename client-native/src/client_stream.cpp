#include "client_stream.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include "clock.h"
#include "explanation.h"
#include "millrace/client/limits.h"
#include "millrace/core/method.h"
#include "millrace/core/protocol.h"
#include "millrace/core/retry_after.h"
#include "request_headers.h"

namespace millrace {

namespace {

using ReadyState = EventSource::ReadyState;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// [docs/protocol.md, Polling]
Url polled(Url url) {
  url.target += url.target.find('?') == std::string::npos ? '?' : '&';
  url.target.append(protocol::kModeParameter).append("=").append(protocol::kPollMode);
  return url;
}

// Streams with equal keys can share connections. Only HTTP/2 shares them, which a server in clear speaks if it is asked
// to without negotiation.
std::string gate_key(const Url& url, const EventSourceOptions& options) {
  return url.origin() + '\n' + options.proxy.value_or("\n") + '\n' + options.tls.ca_file +
         (options.tls.verify ? "" : "\n");
}

EventSourceOptions checked(EventSourceOptions options) {
  check_headers(options.headers);
  check_credentials(options);
  if (!is_token(options.method) || options.method == "HEAD" || options.method == "CONNECT") {
    throw std::invalid_argument("method \"" + options.method +
                                "\": expected a method whose response has a body, such as GET or POST");
  }
  if (options.method == "GET" && !options.body.empty()) {
    throw std::invalid_argument("body: a GET request has no body; set method to POST");
  }
  if (options.last_event_id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw std::invalid_argument("last_event_id: contains CR, LF or NUL, which an event ID cannot contain");
  }
  if (options.connect_timeout <= Duration{0}) throw std::invalid_argument("connect_timeout: must be longer than 0 ms");
  if (options.max_waiting_bytes == 0) throw std::invalid_argument("max_waiting_bytes: must be greater than 0");
  options.policy.is_idempotent = is_idempotent(options.method);
  return options;
}

}  // namespace

ClientStream::ClientStream(ClientLoop& loop, std::string_view url, EventSourceOptions options, std::size_t buffer_bytes)
    : loop_(loop),
      options_(checked(std::move(options))),
      url_(Url::parse(url)),
      state_(options_.policy, options_.last_event_id, random_seed()),
      exchange_(options_, buffer_bytes, *this, static_cast<LoopMember*>(this)),
      queue_(options_.max_waiting_bytes),
      last_event_id_(options_.last_event_id) {}

// --- From any thread ----------------------------------------------------------------------------------------------

void ClientStream::close() noexcept {
  closing_ = true;
  loop_.post(*this);
}

void ClientStream::restart() noexcept {
  restarting_ = true;
  loop_.post(*this);
}

std::string ClientStream::last_event_id() const {
  const MutexLock lock(last_event_id_mutex_);
  return last_event_id_;
}

std::optional<ReceivedEvent> ClientStream::next(std::optional<Duration> timeout) {
  EventQueue::Popped popped = queue_.pop(timeout);
  if (popped.made_room) loop_.post(*this);
  return closing_ ? std::nullopt : std::move(popped.event);
}

// --- The loop's calls ---------------------------------------------------------------------------------------------

void ClientStream::take_turn(TimePoint now) {
  if (!std::exchange(started_, true)) state_.start();
  take_result(exchange_.handle_timeout(now));
  if (gate_deadline_ && now >= *gate_deadline_) leave_gate();
  bytes_this_turn_ = 0;
  if (paused_ && !queue_.is_full()) {
    paused_ = false;
    state_.handle_bytes({}, now);  // this side caused the silence so far
    exchange_.resume();
  }
  if (!paused_) state_.handle_timeout(now);  // silence counts only while the source reads
  go_on();
}

void ClientStream::finish(CURLcode code) {
  paused_ = false;
  take_result(exchange_.finish(code));
  go_on();
}

void ClientStream::take_result(const std::optional<TransportResult>& result) {
  if (!result) return;
  problem_ = one_line(result->problem);
  if (gate_ != nullptr && gate_->has(*this) && !is_connected_) gate_->fail(problem_);
  if (result->whole) {
    state_.handle_end(now());
  } else {
    state_.handle_network_error(now());
  }
}

void ClientStream::end() {
  // If the stream ended by itself, its events are still delivered.
  const bool by_itself = !closing_ && ready_state_ == EventSource::ReadyState::kClosed;
  if (!by_itself) closing_ = true;
  state_.close();
  publish_state();
  exchange_.stop();
  give_back_slot();
  leave_gate();
  gate_.reset();
  queue_.close(!by_itself);
}

void ClientStream::share_failure(const std::string& problem) {
  shared_failure_ = problem;
  loop_.post(*this);
}

// Does what the state machine outputs.
void ClientStream::act() {
  const TimePoint present = now();
  while (true) {
    if (closing_) {
      state_.close();
      drop_wanted_ = true;
    } else if (restarting_.exchange(false)) {
      log(LogLevel::kInfo, "restarting");
      state_.handle_restart(present);
      attempting_ = connect_wanted_ = false;
      drop_wanted_ = true;
    }
    const Output output = may_poll(present) ? state_.poll(present) : Output::kNothing;
    publish_state();
    if (output == Output::kNothing) return;
    act_on(output);
  }
}

void ClientStream::act_on(Output output) {
  const auto tell = [this](const auto& listeners, const auto&... arguments) {
    for (const auto& listener : listeners) {
      if (!closing_) listener(arguments...);
    }
  };
  switch (output) {
    case Output::kNothing:
      break;
    case Output::kConnect:
      attempting_ = connect_wanted_ = true;
      break;
    case Output::kOpen:
      reuse_connection_ = true;
      log(LogLevel::kInfo, "the stream is open");
      tell(open_listeners);
      break;
    case Output::kEvent:
      dispatch(state_.event());
      break;
    case Output::kComment:
      tell(comment_listeners, state_.comment());
      break;
    case Output::kReconnect:
      attempting_ = false;
      drop_wanted_ = true;
      // A silent or broken connection must not be used again. For HTTP/2, libcurl itself has given up a broken
      // connection, and a silent one is cut for all its streams; if only this stream has ended or is silent, the
      // connection is usable.
      if (state_.reason() == Reason::kTimeout) exchange_.cut_if_silent_for(state_.idle_timeout());
      reuse_connection_ =
          exchange_.is_http2() || (state_.reason() != Reason::kTimeout && state_.reason() != Reason::kNetworkError);
      report_error(true);
      break;
    case Output::kFail:
      drop_wanted_ = true;
      report_error(false);
      break;
  }
}

// The state machine measures time from its request for a connection, so it must not request one before it may be made.
bool ClientStream::may_poll(TimePoint now) {
  if (attempting_ || has_slot_ || state_.ready_state() != ReadyState::kConnecting) return true;
  const auto due = state_.poll_timeout();
  if (due && *due > now) return true;
  if (shared_failure_) {
    loop_.stop_waiting_for_slot(*this);
    return true;
  }
  if (gate_ == nullptr && (url_.https || options_.http2_prior_knowledge)) {
    gate_ = loop_.gate_of(gate_key(url_, options_));
  }
  using Way = ConnectionGate::Way;
  has_slot_ = loop_.take_connection_slot(*this, gate_.get(), may_reuse() ? Way::kJoin : Way::kMake);
  return has_slot_;
}

void ClientStream::leave_gate() {
  gate_deadline_.reset();
  if (gate_ != nullptr) gate_->leave(*this);
}

// Does the work that is not allowed inside a call from the transport.
void ClientStream::go_on() {
  act();
  while (true) {
    if (std::exchange(drop_wanted_, false)) {
      exchange_.stop();
      paused_ = false;
      if (!connect_wanted_) {
        give_back_slot();
        leave_gate();
      }
    }
    if (!connect_wanted_ || closing_) break;
    connect_wanted_ = false;
    connect();
    act();
  }
  if (ready_state() == ReadyState::kClosed) {
    give_back_slot();
    leave_gate();
    loop_.stop_waiting_for_slot(*this);
    loop_.set_timer(*this, std::nullopt);
    return queue_.close(closing_);
  }
  std::optional<TimePoint> timer = exchange_.deadline();
  const auto states = state_.poll_timeout();
  if (states && !paused_ && !loop_.waits_for_slot(*this) && (!timer || *states < *timer)) timer = states;
  if (gate_deadline_ && (!timer || *gate_deadline_ < *timer)) timer = gate_deadline_;
  loop_.set_timer(*this, timer);
}

void ClientStream::connect() {
  is_connected_ = false;
  if (auto failure = std::exchange(shared_failure_, std::nullopt)) {
    problem_ = std::move(*failure);
    return state_.handle_network_error(now());
  }
  std::optional<TransportRequest> request = make_request();
  if (!request) return state_.handle_network_error(now());
  log(LogLevel::kDebug, "connecting to " + url_.origin());
  // If a reused connection turns out to be dead, libcurl sends the request again by itself.
  exchange_.start(loop_.transfers(), state_.is_polling() ? polled(url_) : url_, std::move(*request), may_reuse());
}

// The request of the next attempt; nothing if the user's function for its headers failed.
std::optional<TransportRequest> ClientStream::make_request() {
  try {
    const HttpHeaders for_attempt = options_.headers_for_attempt ? options_.headers_for_attempt() : HttpHeaders();
    check_headers(for_attempt);
    return TransportRequest{.method = options_.method,
                            .headers = request_headers(options_, for_attempt, state_.last_event_id()),
                            .body = options_.body};
  } catch (const std::exception& error) {
    problem_ = std::string("headers_for_attempt: ") + error.what();
    return std::nullopt;
  }
}

void ClientStream::give_back_slot() {
  if (std::exchange(has_slot_, false)) loop_.return_connection_slot();
}

// --- Calls from the transport -------------------------------------------------------------------------------------

void ClientStream::connecting() {
  is_connected_ = false;
  if (gate_ != nullptr && !exchange_.has_left_origin()) gate_->enter_again(*this);
}

void ClientStream::connected(bool is_new) {
  is_connected_ = true;
  give_back_slot();
  if (gate_ == nullptr || !gate_->has(*this)) return;
  if (!is_new || !may_reuse()) return leave_gate();
  gate_deadline_ = now() + kSettingsWait;
  look_after_at(*gate_deadline_);
}

void ClientStream::head_arrived() {
  if (gate_ == nullptr || exchange_.has_left_origin()) return;
  gate_->learn(exchange_.is_http2());
  leave_gate();
}

void ClientStream::look_after_at(TimePoint when) {
  loop_.set_timer(*this, when);
}

bool ClientStream::receive_response(const ResponseHead& head) {
  content_type_ = one_line(head.content_type);
  explanation_ = head.explanation;
  EventSourceState::Response response{.status = head.status, .content_type = head.content_type};
  response.last_event_id = head.last_event_id;
  const auto date = parse_http_date(head.date);
  response.retry_after = parse_retry_after(head.retry_after, date ? *date : seconds_since_1970());
  response.heartbeat = parse_seconds(head.heartbeat);
  if (head.status != 200 && head.status != 204 && options_.retry_on_status) {
    response.retry = options_.retry_on_status(head.status);
  }
  log(LogLevel::kDebug, "the server answered " + std::to_string(head.status));
  state_.handle_response(response, now());
  act();
  if (const auto due = state_.poll_timeout()) loop_.set_timer(*this, *due);  // the response may have set a heartbeat
  return !drop_wanted_ && state_.ready_state() == ReadyState::kOpen;
}

ResponseReceiver::Receipt ClientStream::receive_bytes(std::string_view chunk) {
  if (queues_events_ && queue_.is_full()) {
    paused_ = true;
    return Receipt::kLater;
  }
  if (bytes_this_turn_ >= kStreamBytesPerTurn) {  // other streams get their turn
    paused_ = true;
    loop_.post(*this);
    return Receipt::kLater;
  }
  bytes_this_turn_ += chunk.size();
  state_.handle_bytes(chunk, now());
  act();
  return !drop_wanted_ && state_.ready_state() == ReadyState::kOpen ? Receipt::kTaken : Receipt::kNoMore;
}

}  // namespace millrace
