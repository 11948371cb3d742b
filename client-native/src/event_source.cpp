#include "millrace/client/event_source.h"

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "clock.h"
#include "httplib_transport.h"
#include "interrupt.h"
#include "millrace/client/url.h"
#include "request_headers.h"

namespace millrace {

namespace {

using Output = EventSourceState::Output;
using Reason = EventSourceState::Reason;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

EventSourceOptions checked(EventSourceOptions options) {
  check_headers(options.headers);
  if (!is_token(options.method) || options.method == "HEAD" || options.method == "CONNECT") {
    throw std::invalid_argument("method \"" + options.method + "\": give one whose response has a body, GET or POST");
  }
  if (options.method == "GET" && !options.body.empty()) {
    throw std::invalid_argument("body: a GET request carries none, set method to POST");
  }
  if (options.last_event_id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw std::invalid_argument("last_event_id: holds CR, LF or NUL, which no event ID can");
  }
  if (options.connect_timeout <= Duration{0}) throw std::invalid_argument("connect_timeout: must be longer than 0 ms");
  return options;
}

}  // namespace

// The state machine with a clock, a transport and somebody to tell. All but close() and the two getters belongs to the
// thread that runs it.
class EventSource::Loop final : private ResponseReceiver {
 public:
  Loop(std::string_view url, EventSourceOptions options)
      : options_(checked(std::move(options))),
        transport_(Url::parse(url), options_.tls, options_.connect_timeout),
        state_(options_.policy, options_.last_event_id, random_seed()),
        last_event_id_(options_.last_event_id) {}

  void begin() {
    if (begun_.exchange(true)) throw std::logic_error("an EventSource can be run or started once only");
  }
  void check_listener(bool callable) const {
    if (begun_) throw std::logic_error("listeners of an EventSource are added before it is run or started");
    if (!callable) throw std::invalid_argument("a listener of an EventSource must be callable");
  }

  void run();
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void close() noexcept { interrupt_.raise(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  ReadyState ready_state() const { return interrupt_.raised() ? ReadyState::kClosed : ready_state_.load(); }
  std::string last_event_id() const {
    const std::lock_guard lock(last_event_id_mutex_);
    return last_event_id_;
  }

  std::map<std::string, std::vector<MessageListener>, std::less<>> listeners_by_type;
  std::vector<MessageListener> any_listeners;
  std::vector<OpenListener> open_listeners;
  std::vector<ErrorListener> error_listeners;

 private:
  std::optional<TransportRequest> make_request();
  void connect();
  bool act();
  void publish_state();
  void dispatch(const MessageEvent& event);
  void report_error(bool will_reconnect);
  std::string describe_error() const;

  bool receive_response(const EventSourceState::Response& response) override;
  bool receive_bytes(std::string_view chunk) override;
  std::optional<TimePoint> deadline() const override { return state_.poll_timeout(); }

  const EventSourceOptions options_;
  HttplibTransport transport_;
  Interrupt interrupt_;
  EventSourceState state_;
  bool connect_wanted_ = false;
  std::string problem_;       // the transport's words for the last network error
  std::string content_type_;  // of the last response

  std::atomic<bool> begun_{false};
  std::atomic<ReadyState> ready_state_{ReadyState::kConnecting};
  mutable std::mutex last_event_id_mutex_;
  std::string last_event_id_;
  std::thread thread_;
};

void EventSource::Loop::run() {
  // Also when a listener throws: the source is closed then.
  struct CloseOnExit {
    Interrupt& interrupt;
    ~CloseOnExit() { interrupt.raise(); }
  } const close_on_exit{interrupt_};

  state_.start();
  while (act()) {
    if (connect_wanted_) {
      connect_wanted_ = false;
      connect();
    } else {
      interrupt_.wait(-1, 0, state_.poll_timeout());
      state_.handle_timeout(now());
    }
  }
}

// The request of the next attempt; nothing if the user's function for its headers has failed.
std::optional<TransportRequest> EventSource::Loop::make_request() {
  try {
    const HttpHeaders for_attempt = options_.headers_for_attempt ? options_.headers_for_attempt() : HttpHeaders();
    check_headers(for_attempt);
    return TransportRequest{.method = options_.method,
                            .headers = request_headers(options_.headers, for_attempt, state_.last_event_id()),
                            .body = options_.body};
  } catch (const std::exception& error) {
    problem_ = std::string("headers_for_attempt: ") + error.what();
    return std::nullopt;
  }
}

void EventSource::Loop::connect() {
  std::optional<TransportRequest> request = make_request();
  if (!request) return state_.handle_network_error(now());
  TransportResult result = transport_.exchange(std::move(*request), *this, interrupt_);
  problem_ = std::move(result.message);
  switch (result.ending) {
    case TransportResult::Ending::kEndOfStream:
      return state_.handle_end(now());
    case TransportResult::Ending::kNetworkError:
      return state_.handle_network_error(now());
    case TransportResult::Ending::kTimeout:
      return state_.handle_timeout(now());
    case TransportResult::Ending::kStopped:
      return;  // the state machine knows, it is why
  }
}

// Does what the state machine asks for. False when there is nothing more to do, ever.
bool EventSource::Loop::act() {
  const TimePoint present = now();
  while (true) {
    if (interrupt_.raised()) state_.close();
    const Output output = state_.poll(present);
    publish_state();
    switch (output) {
      case Output::kNothing:
        return state_.ready_state() != ReadyState::kClosed;
      case Output::kConnect:
        connect_wanted_ = true;
        break;
      case Output::kOpen:
        for (const OpenListener& listener : open_listeners) {
          if (!interrupt_.raised()) listener();
        }
        break;
      case Output::kEvent:
        dispatch(state_.event());
        break;
      case Output::kComment:
        break;
      case Output::kReconnect:
        report_error(true);
        break;
      case Output::kFail:
        report_error(false);
        break;
    }
  }
}

void EventSource::Loop::publish_state() {
  ready_state_ = state_.ready_state();
  if (state_.last_event_id() == last_event_id_) return;  // only this thread writes it
  const std::lock_guard lock(last_event_id_mutex_);
  last_event_id_ = state_.last_event_id();
}

void EventSource::Loop::dispatch(const MessageEvent& event) {
  for (const MessageListener& listener : any_listeners) {
    if (!interrupt_.raised()) listener(event);
  }
  const auto found = listeners_by_type.find(event.type);
  if (found == listeners_by_type.end()) return;
  for (const MessageListener& listener : found->second) {
    if (!interrupt_.raised()) listener(event);
  }
}

void EventSource::Loop::report_error(bool will_reconnect) {
  const std::string message = describe_error();
  EventSourceError error{
      .reason = state_.reason(), .status = state_.status(), .will_reconnect = will_reconnect, .message = message};
  if (will_reconnect) {
    error.reconnect_in = std::max(*state_.poll_timeout() - now(), Duration{0});
  }
  for (const ErrorListener& listener : error_listeners) {
    if (!interrupt_.raised()) listener(error);
  }
}

std::string EventSource::Loop::describe_error() const {
  switch (state_.reason()) {
    case Reason::kNone:
      break;
    case Reason::kNetworkError:
      return problem_;
    case Reason::kEndOfStream:
      return "the server ended the stream";
    case Reason::kTimeout:
      return "nothing came for " + std::to_string(options_.policy.idle_timeout.count()) + " ms";
    case Reason::kStatus:
      if (state_.status() == 204) return "the server answered 204: it has nothing more to send";
      return "the server answered " + std::to_string(state_.status());
    case Reason::kContentType:
      return "the server answered with content type \"" + content_type_ + "\" instead of text/event-stream";
    case Reason::kBuffered:
      return "nothing of the answer has come: something on the way holds it back";
    case Reason::kTooLarge:
      return "an event is larger than " + std::to_string(options_.policy.max_event_bytes) + " bytes";
  }
  return {};
}

bool EventSource::Loop::receive_response(const EventSourceState::Response& response) {
  content_type_ = response.content_type;
  state_.handle_response(response, now());
  act();
  return state_.ready_state() == ReadyState::kOpen;
}

bool EventSource::Loop::receive_bytes(std::string_view chunk) {
  state_.handle_bytes(chunk, now());
  act();
  return state_.ready_state() == ReadyState::kOpen;
}

// --- The public face ----------------------------------------------------------------------------------------------

EventSource::EventSource(std::string_view url, EventSourceOptions options)
    : loop_(std::make_unique<Loop>(url, std::move(options))) {}

EventSource::~EventSource() {
  loop_->close();
  loop_->join();  // here, where a listener still finds the source whole
}

void EventSource::on(std::string_view type, MessageListener listener) {
  loop_->check_listener(listener != nullptr);
  loop_->listeners_by_type[std::string(type)].push_back(std::move(listener));
}

void EventSource::on_any(MessageListener listener) {
  loop_->check_listener(listener != nullptr);
  loop_->any_listeners.push_back(std::move(listener));
}

void EventSource::on_open(OpenListener listener) {
  loop_->check_listener(listener != nullptr);
  loop_->open_listeners.push_back(std::move(listener));
}

void EventSource::on_error(ErrorListener listener) {
  loop_->check_listener(listener != nullptr);
  loop_->error_listeners.push_back(std::move(listener));
}

void EventSource::run() {
  loop_->begin();
  loop_->run();
}

void EventSource::start() {
  loop_->begin();
  loop_->start();
}

void EventSource::close() noexcept {
  loop_->close();
}

EventSource::ReadyState EventSource::ready_state() const {
  return loop_->ready_state();
}

std::string EventSource::last_event_id() const {
  return loop_->last_event_id();
}

}  // namespace millrace
