// EventSourceState: the client's half of the protocol as a state machine. [WHATWG 9.2.2 to 9.2.4]
//
// It decides; its owner (a native program, JavaScript) moves bytes and keeps time. Inputs are the handle_* calls, each
// with the present time where it matters; outputs are polled. The call order is always the same: one input, then poll()
// until it returns kNothing, then sleep until poll_timeout() or the next input. close() may come in between, also while
// an output is being acted on, and silences everything after it. One thread at a time; no I/O, clock or randomness.
//
//   EventSourceState state(policy, last_event_id, seed);
//   state.start();
//   for (auto output = state.poll(now); output != Output::kNothing; output = state.poll(now)) act_on(output);
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/core/backoff.h"
#include "millrace/core/event.h"
#include "millrace/core/event_stream_parser.h"
#include "millrace/core/limits.h"
#include "millrace/core/replay_filter.h"
#include "millrace/core/time.h"

namespace millrace {

class EventSourceState {
 public:
  /// The standard's numbers. [WHATWG 9.2.2, readyState]
  enum class ReadyState : std::uint8_t { kConnecting = 0, kOpen = 1, kClosed = 2 };

  enum class Output : std::uint8_t {
    kNothing,    ///< wait for the next input or for poll_timeout()
    kConnect,    ///< send the request, with last_event_id() if it is not empty
    kOpen,       ///< the stream is open: fire `open`
    kEvent,      ///< dispatch event()
    kComment,    ///< comment() was read
    kReconnect,  ///< drop the connection if it is still up; fire `error` (connecting again later); reason() says why
    kFail,       ///< drop the connection; fire `error` (closed for good); reason() says why
  };

  /// Whether a request is sent again by itself once its connection is lost. restart() always sends it, and so does
  /// Response::mended.
  enum class Reconnect : std::uint8_t {
    kNever,       ///< no request is sent again: the first loss is for good
    kIdempotent,  ///< requests of idempotent methods are, as the standard has it; others never
    /// Requests of all methods are. But one that is not idempotent is not sent again once its response has ended in
    /// order without an ID to go on from: it has been answered.
    kAlways,
  };

  /// Why a connection was lost or failed.
  enum class Reason : std::uint8_t {
    kNone,
    kNetworkError,  ///< no connection, or it broke
    kEndOfStream,   ///< the server ended the response
    kTimeout,       ///< nothing came for the idle timeout
    kStatus,        ///< a status other than 200: status() has it; 204 means the server wants no more
    kContentType,   ///< not `text/event-stream`
    kTooLarge,      ///< an event exceeds the limit
    kBuffered,      ///< no byte came within Policy::first_byte_timeout: what follows is polling
  };

  struct Policy {
    Backoff::Policy backoff = {};

    Reconnect reconnect = Reconnect::kIdempotent;
    /// The owner says so of the request's method. [method.h]
    bool is_idempotent = true;

    /// Silence after which a connection counts as dead, also while it is being made. Zero: never. Nothing: once the
    /// server has said its heartbeat, kIdlePercentOfHeartbeat of that; until then never.
    std::optional<Duration> idle_timeout = {};

    /// Beyond the standard: 429, 500, 502, 503 and 504 reconnect instead of failing for good, not before Retry-After.
    bool retry_on_server_error = false;

    /// Attempts in a row that may fail to open the stream; with the last of them the source fails for good. Zero: any
    /// number.
    std::uint32_t max_attempts = 0;

    std::size_t max_event_bytes = kMaxEventBytes;

    /// Each response ends once it has carried something, and the next one is asked for: that is no loss, and the source
    /// stays open in between. [docs/protocol.md, Polling]
    bool polling = false;

    /// For servers whose streams begin at once: a connection without a byte after this long goes through something
    /// that holds responses back until they end, so it is given up and polling begins, until an attempt at that fails.
    /// Zero: never. It does not count for a request that must not be sent again.
    Duration first_byte_timeout{0};

    /// Events that come once more after a reconnection are left out. [replay_filter.h]
    bool drop_replays = false;

    /// Hands out a server's cursors (events of type kCursorEventType without data) as events. Otherwise they only set
    /// the last event ID.
    bool cursor_events = false;
  };

  /// What the standard looks at in a response. The connection's redirects have been followed already.
  struct Response {
    int status = 0;
    /// The header's value, parameters and all. Of several such fields, their values, with commas between them.
    std::string_view content_type = {};
    std::optional<Duration> retry_after = {};  ///< the Retry-After header, if it had one
    std::optional<Duration> heartbeat = {};    ///< the Millrace-Heartbeat header, if it had one
    /// The owner's own say on whether a status other than 200 and 204 is worth another attempt; nothing: the policy's.
    std::optional<bool> retry = {};
    /// The owner has mended what the status complains of (a token was renewed): the next attempt is made at once,
    /// unless this one was made for the same reason.
    bool mended = false;
    /// The Last-Event-ID header, if it had one: where the stream begins. Taken by a source that has no last event ID
    /// yet, so that one which is given up before its first byte goes on from there.
    std::string_view last_event_id = {};
  };

  /// A `last_event_id` with CR, LF or NUL in it is none.
  explicit EventSourceState(const Policy& policy, std::string_view last_event_id = {}, std::uint64_t seed = 0);

  // Inputs ---------------------------------------------------------------------------------------------------------

  /// Asks for the first connection.
  void start();

  void handle_response(const Response& response, TimePoint now);
  /// `chunk` must stay where it is until poll() has returned kNothing.
  void handle_bytes(std::string_view chunk, TimePoint now);
  void handle_end(TimePoint now);
  void handle_network_error(TimePoint now);
  /// No connection, and no other attempt would change that. [WHATWG 9.2.2, "knows that to be futile"]
  void handle_futile_error();
  /// Call at poll_timeout(); calling it early or late does no harm.
  void handle_timeout(TimePoint now);
  /// The network is back: a waiting reconnection happens now, or when a server's Retry-After allows it.
  void handle_online(TimePoint now);
  /// The user wants the connection made anew, now, from the last event ID; no error is reported. What a server has
  /// asked for by Retry-After or `retry` does not hold it up. Does nothing before start() and once closed.
  void handle_restart(TimePoint now);
  /// The owner drops the connection, if there is one, and wants none until handle_resume(). No error is reported.
  void handle_suspend(TimePoint now);
  /// Connects at once after handle_suspend(), but not before a wait that had begun by then is over.
  void handle_resume();
  /// A transport that parses by itself (the browser's EventSource) has dispatched an event with this last event ID. One
  /// with CR, LF or NUL in it changes nothing, as in the format. [WHATWG 9.2.6] `is_event`: false for a cursor.
  void handle_message(std::string_view last_event_id, TimePoint now, bool is_event = true);
  /// [WHATWG 9.2.2, close()] Nothing is reported after it.
  void close();

  // Outputs --------------------------------------------------------------------------------------------------------

  Output poll(TimePoint now);
  /// When handle_timeout() wants to be called; nothing if never.
  std::optional<TimePoint> poll_timeout() const;

  ReadyState ready_state() const { return ready_state_; }
  std::string_view last_event_id() const { return parser_.last_event_id(); }
  std::uint32_t last_event_id_changes() const { return parser_.last_event_id_changes(); }
  /// Whether the connection that kConnect asks for is to be polled.
  bool is_polling() const { return policy_.polling || is_buffered_; }
  const MessageEvent& event() const { return parser_.event(); }
  std::string_view comment() const { return parser_.comment(); }
  Reason reason() const { return reason_; }
  /// Whether kFail came only since Policy::reconnect does not let the request be sent again.
  bool was_not_repeated() const { return was_not_repeated_; }
  /// Silence after which the present connection counts as dead; zero: none does.
  Duration idle_timeout() const { return idle_timeout_; }
  /// The last response's status; 0 before the first.
  int status() const { return status_; }
  /// The server's reconnection time in force.
  Duration reconnection_time() const { return backoff_.reconnection_time(); }

 private:
  enum class Phase : std::uint8_t { kIdle, kStarting, kWaiting, kConnecting, kStreaming, kSuspended, kClosed };

  void reconnect(Reason reason, TimePoint now, Duration at_least = Duration{0});
  void wait_until(TimePoint time, Reason reason);
  void poll_again(TimePoint now);
  void give_up(Reason reason);
  void fail(Reason reason);
  bool may_repeat(Reason reason) const;
  bool is_connected() const { return phase_ == Phase::kConnecting || phase_ == Phase::kStreaming; }
  bool awaits_first_byte() const;
  Output poll_stream(TimePoint now);

  Policy policy_;
  Backoff backoff_;
  EventStreamParser parser_;
  Phase phase_ = Phase::kIdle;
  ReadyState ready_state_ = ReadyState::kConnecting;
  Output pending_ = Output::kNothing;  // what an input has decided, not yet polled
  Reason reason_ = Reason::kNone;
  int status_ = 0;
  std::uint32_t failed_attempts_ = 0;  // in a row
  ReplayFilter replays_;
  bool was_not_repeated_ = false;
  Duration idle_timeout_;
  bool is_buffered_ = false;
  bool was_mended_ = false;
  bool has_heard_ = false;  // of the connection: a byte or a message
  TimePoint connecting_since_{};
  TimePoint opened_at_{};
  TimePoint last_heard_{};
  bool brought_event_ = false;  // the stream that is open, or was last
  TimePoint reconnect_at_{};
  TimePoint not_before_{};  // of a reconnection: what Retry-After has asked for
};

}  // namespace millrace
