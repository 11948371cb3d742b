// EventSourceState: the client's part of the protocol as a state machine. [WHATWG 9.2.2 to 9.2.4]
//
// It decides; its owner (a native program, JavaScript) moves bytes and reads the clock. Inputs are the handle_* calls,
// with the current time where it matters. Outputs are polled. The order of calls is always the same: one input, then
// poll() until it returns kNothing, then wait until poll_timeout() or the next input. The owner may call close() at any
// point, also while it handles an output; nothing is reported after it. One thread at a time; no I/O, clock or
// randomness.
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

/// The state of one event source, over all its connections.
class EventSourceState {
 public:
  /// With the standard's numbers. [WHATWG 9.2.2, readyState]
  enum class ReadyState : std::uint8_t { kConnecting = 0, kOpen = 1, kClosed = 2 };

  /// What poll() asks the owner to do.
  enum class Output : std::uint8_t {
    kNothing,    ///< wait for the next input or for poll_timeout()
    kConnect,    ///< send the request, with last_event_id() if it is not empty
    kOpen,       ///< the stream is open: fire `open`
    kEvent,      ///< dispatch event()
    kComment,    ///< comment() was read
    kReconnect,  ///< close the connection if it is open; fire `error` (it will reconnect); reason() says why
    kFail,       ///< close the connection; fire `error` (closed for good); reason() says why
  };

  /// Whether the source sends a request again after it has lost its connection. handle_restart() always sends it, and
  /// so does Response::mended.
  enum class Reconnect : std::uint8_t {
    kNever,       ///< never: the first loss is final
    kIdempotent,  ///< requests of idempotent methods, as in the standard; others never
    /// Requests of all methods. Exception: after a response that ended in order and without an ID from which to resume,
    /// a request that is not idempotent is not sent again. It has been answered.
    kAlways,
  };

  /// Of which servers the source leaves out events that come a second time after a reconnection. [replay_filter.h]
  enum class DropReplays : std::uint8_t {
    kNever,  ///< of none
    /// Of servers that report where a stream begins (Response::last_event_id): they have a log to repeat from.
    kOfLogs,
    kAlways,  ///< of all servers
  };

  /// Why a connection was lost or failed.
  enum class Reason : std::uint8_t {
    kNone,          ///< nothing was lost yet
    kNetworkError,  ///< no connection, or a broken one
    kEndOfStream,   ///< the server ended the response
    kTimeout,       ///< nothing came within the idle timeout
    kStatus,        ///< a status other than 200: see status(); 204 means that the server has nothing more to send
    kContentType,   ///< not `text/event-stream`
    kTooLarge,      ///< an event is larger than the limit
    kBuffered,      ///< no byte came within Policy::first_byte_timeout: the source polls from now on
  };

  /// What a user may choose. The defaults are the standard's behaviour.
  struct Policy {
    /// Waits between attempts.
    Backoff::Policy backoff = {};

    /// Which requests are sent again once their connection is lost.
    Reconnect reconnect = Reconnect::kIdempotent;
    /// Whether the request's method is idempotent; the owner sets it. [method.h]
    bool is_idempotent = true;

    /// Silence after which a connection counts as dead, also while it is being made. Zero: never. Not set:
    /// kIdlePercentOfHeartbeat of the server's heartbeat, and never if the server has not reported one.
    std::optional<Duration> idle_timeout = {};

    /// Beyond the standard: reconnect after 408, 425, 429, 500, 502, 503, 504 and 520 to 530 (used by proxies), not
    /// before Retry-After, instead of failing.
    bool retry_on_server_error = false;

    /// How many attempts in a row to open the stream may fail; after the last one the source fails for good. Zero:
    /// unlimited.
    std::uint32_t max_attempts = 0;

    /// Largest line, and largest data of one event, in bytes. A larger one fails the source for good (kTooLarge).
    std::size_t max_event_bytes = kMaxEventBytes;

    /// Each response ends once it has carried something, and the source requests the next one. That is not a loss: the
    /// source stays open in between. [docs/protocol.md, Polling]
    bool polling = false;

    /// For servers whose streams begin at once. If no byte has come after this time, something on the way holds
    /// responses back until they end: the source closes the connection and polls, until polling fails. The source opens
    /// with the first byte. Zero: never. Ignored for a request that must not be sent again.
    Duration first_byte_timeout{0};

    /// Leaves out events that come a second time after a reconnection. [replay_filter.h]
    DropReplays drop_replays = DropReplays::kNever;

    /// Outputs a server's cursors (events of type kCursorEventType without data) as events. Otherwise they only set the
    /// last event ID.
    bool cursor_events = false;
  };

  /// The parts of a response that decide, after all redirects.
  struct Response {
    int status = 0;  ///< the status code of the response
    /// The header's value with its parameters. With several such fields: their values, separated by commas.
    std::string_view content_type = {};
    std::optional<Duration> retry_after = {};  ///< the Retry-After header, if it had one
    std::optional<Duration> heartbeat = {};    ///< the Millrace-Heartbeat header, if it had one
    /// Whether to try again after a status other than 200 and 204. Not set: the policy decides.
    std::optional<bool> retry = {};
    /// The owner has removed the reason for the status (it has renewed a token): the next attempt comes at once, unless
    /// this attempt was made for the same reason.
    bool mended = false;
    /// The Last-Event-ID header, if it had one: where the stream begins. A source without a last event ID takes it, so
    /// that it can resume from there even if no byte of the stream arrives.
    std::string_view last_event_id = {};
  };

  /// The first request sends `last_event_id`, which is ignored if it has CR, LF or NUL. Equal seeds give equal waits.
  explicit EventSourceState(const Policy& policy, std::string_view last_event_id = {}, std::uint64_t seed = 0);

  // Inputs ---------------------------------------------------------------------------------------------------------

  /// Requests the first connection.
  void start();

  /// The head of the response to the last request, once its redirects have been followed.
  void handle_response(const Response& response, TimePoint now);
  /// The next bytes of the response's body, decoded. `chunk` must stay valid until poll() has returned kNothing.
  void handle_bytes(std::string_view chunk, TimePoint now);
  /// The response ended in order.
  void handle_end(TimePoint now);
  /// The connection broke, or could not be made.
  void handle_network_error(TimePoint now);
  /// There is no connection, and another attempt would fail as well. [WHATWG 9.2.2, "knows that to be futile"]
  void handle_futile_error();
  /// Call at poll_timeout(). Calling it early or late is harmless.
  void handle_timeout(TimePoint now);
  /// The network is back: a source that waits reconnects now, or when a server's Retry-After allows it.
  void handle_online(TimePoint now);
  /// The user wants a new connection now, from the last event ID. Reports no error, and does not wait for Retry-After
  /// or `retry`. Does nothing before start() and after close().
  void handle_restart(TimePoint now);
  /// The owner closes the connection, if there is one, and wants none until handle_resume(). Reports no error.
  void handle_suspend(TimePoint now);
  /// Connects at once after handle_suspend(), but not before the end of a wait that had already begun.
  void handle_resume();
  /// A transport with its own parser (the browser's EventSource) has dispatched an event with this last event ID. An ID
  /// with CR, LF or NUL is ignored, as in the format. [WHATWG 9.2.6] `is_event`: false for a cursor.
  void handle_message(std::string_view last_event_id, TimePoint now, bool is_event = true);
  /// Closes for good; nothing is reported after it. [WHATWG 9.2.2, close()]
  void close();

  // Outputs --------------------------------------------------------------------------------------------------------

  /// The next thing to do; views that it makes available live until the next call of a non-const member.
  Output poll(TimePoint now);
  /// When to call handle_timeout(); nothing: never.
  std::optional<TimePoint> poll_timeout() const;

  /// Before start(): kConnecting.
  ReadyState ready_state() const { return ready_state_; }
  /// What the next request sends as Last-Event-ID; empty: it sends none.
  std::string_view last_event_id() const { return parser_.last_event_id(); }
  /// Counts how often last_event_id() has been set: a cheap way to see that it is as before.
  std::uint32_t last_event_id_changes() const { return parser_.last_event_id_changes(); }
  /// Whether the connection of kConnect must be a poll.
  bool is_polling() const { return policy_.polling || is_buffered_; }
  /// The event of kEvent.
  const MessageEvent& event() const { return parser_.event(); }
  /// The comment of kComment, without its colon and one space after it.
  std::string_view comment() const { return parser_.comment(); }
  /// Of the last kReconnect or kFail.
  Reason reason() const { return reason_; }
  /// Whether Policy::reconnect is the only reason for kFail.
  bool was_not_repeated() const { return was_not_repeated_; }
  /// Silence after which the current connection counts as dead; zero: never.
  Duration idle_timeout() const { return idle_timeout_; }
  /// The last response's status; 0 before the first.
  int status() const { return status_; }
  /// The current reconnection time.
  Duration reconnection_time() const { return backoff_.reconnection_time(); }

 private:
  enum class Stage : std::uint8_t { kIdle, kStarting, kWaiting, kConnecting, kStreaming, kSuspended, kClosed };

  void hear(TimePoint now);
  void open();
  void reconnect(Reason reason, TimePoint now, Duration at_least = Duration{0});
  void wait_until(TimePoint time, Reason reason);
  void poll_again(TimePoint now);
  void give_up(Reason reason);
  // Called from many places: inlined, they would be a part of the module for browsers that counts.
  [[gnu::noinline]] void fail(Reason reason);
  [[gnu::noinline]] bool may_repeat(Reason reason) const;
  bool is_connected() const { return stage_ == Stage::kConnecting || stage_ == Stage::kStreaming; }
  bool awaits_first_byte() const;
  Output poll_stream(TimePoint now);

  Policy policy_;
  Backoff backoff_;
  EventStreamParser parser_;
  Stage stage_ = Stage::kIdle;
  ReadyState ready_state_ = ReadyState::kConnecting;
  Output pending_ = Output::kNothing;  // decided by an input, not polled yet
  Reason reason_ = Reason::kNone;
  int status_ = 0;
  std::uint32_t failed_attempts_ = 0;  // in a row
  ReplayFilter replays_;
  bool was_not_repeated_ = false;
  Duration idle_timeout_;
  bool is_buffered_ = false;
  bool was_mended_ = false;
  bool has_heard_ = false;  // a byte or a message has come on this connection
  TimePoint connecting_since_{};
  TimePoint opened_at_{};
  TimePoint last_heard_{};
  bool brought_event_ = false;  // the current or last stream has brought an event
  TimePoint reconnect_at_{};
  TimePoint not_before_{};  // earliest reconnection that Retry-After allows
};

}  // namespace millrace
