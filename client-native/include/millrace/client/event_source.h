// EventSource: the standard's EventSource for native programs. [WHATWG 9.2]
//
// It connects, reconnects where it left off, and hands out what comes in the order of the stream, in one of three ways:
// - run() calls the listeners on the caller's thread until the source is closed;
// - start() does so on a thread of the source's own, which the destructor joins, or, for a source that was made with an
//   EventSourcePool, on one of the pool's;
// - next() and `for` hand out the events one by one, to any thread; listeners for all else are called on the thread of
//   start().
//
//   millrace::EventSource source("http://localhost:8080/events?topic=orders");
//   for (const millrace::ReceivedEvent& event : source) std::cout << event.data << '\n';
//
// Listeners are registered before the source is run. close() and restart() may come from any thread, and from a
// listener. An exception thrown by a listener closes the source and leaves run(); under start() it ends the program.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/client/options.h"
#include "millrace/core/event.h"
#include "millrace/core/event_source_state.h"

namespace millrace {

class ClientLoop;
class EventSourcePool;

/// Why a connection was lost, and what happens next.
struct EventSourceError {
  EventSourceState::Reason reason = EventSourceState::Reason::kNone;
  int status = 0;                ///< of the last response; 0 if there has been none
  bool will_reconnect = false;   ///< false: the source is closed for good
  Duration reconnect_in{0};      ///< if it will, after this long
  std::string_view message;      ///< one sentence for people; lives as long as the call
  std::string_view explanation;  ///< the server's own words about a refusal, part of `message`; empty if it has none
};

/// Events that a Millrace server could not send again since it no longer has them. docs/protocol.md tells of them.
struct EventSourceGap {
  std::string_view last_event_id;  ///< what the source had asked to go on from
  std::string_view reason;         ///< `expired` or `unknown`
};

/// An event that owns its texts.
struct ReceivedEvent {
  std::string type;           ///< never empty: `message` where the stream names none
  std::string data;           ///< lines joined by LF
  std::string last_event_id;  ///< what to go on from once this event has been dealt with
  bool has_id = false;        ///< the event's own block had an `id`; else last_event_id is that of an earlier one
};

class EventSource {
 public:
  using ReadyState = EventSourceState::ReadyState;
  using MessageListener = std::function<void(const MessageEvent&)>;
  using OpenListener = std::function<void()>;
  using CommentListener = std::function<void(std::string_view)>;
  using GapListener = std::function<void(const EventSourceGap&)>;
  using ErrorListener = std::function<void(const EventSourceError&)>;

  /// Throws std::invalid_argument if `url` is not an http or https URL or an option cannot be honoured, and
  /// std::system_error if the process is out of file descriptors. Connects to nothing yet.
  explicit EventSource(std::string_view url, EventSourceOptions options = {});

  /// The same for a source that start() and next() run on a thread of the pool, which must outlive the call only.
  EventSource(EventSourcePool& pool, std::string_view url, EventSourceOptions options = {});

  /// Closes, and waits for a listener that is being called. Must not be called from a listener, but for a pool's source
  /// from another one's.
  ~EventSource();
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  // Listeners: any number of each, called in the order they were added. Adding one to a source that has been run or
  // started throws std::logic_error.

  /// Events of this type. Types such as `open` and `error` are events like any other here.
  void on(std::string_view type, MessageListener listener);
  /// Events that name no type.
  void on_message(MessageListener listener) { on("message", std::move(listener)); }
  /// Every event, whatever its type; called before the listeners for its type.
  void on_any(MessageListener listener);
  /// Each comment, without its colon and one space after it.
  void on_comment(CommentListener listener);
  /// Events are missing; called before the `millrace.gap` event that says so is dispatched as an event.
  void on_gap(GapListener listener);
  /// The stream is open; again after every reconnection.
  void on_open(OpenListener listener);
  void on_error(ErrorListener listener);

  /// Runs until the source is closed or has failed for good. Throws std::logic_error if it has been run or started, or
  /// belongs to a pool.
  void run();
  /// The same on a thread of its own, or of its pool.
  void start();

  /// The next event, once there is one; nothing if the source is closed for good or, in the second form, if none came
  /// for so long: ready_state() tells which. The first call starts the source and throws std::logic_error if it has
  /// been run or started. While kMaxWaitingEvents or EventSourceOptions::max_waiting_bytes wait to be fetched, the
  /// source reads no further and the server has to wait.
  std::optional<ReceivedEvent> next();
  std::optional<ReceivedEvent> next(Duration timeout);

  /// What `for` needs: next() until there is nothing.
  class Iterator;
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  /// Closes for good: no listener is called any more, except that one which is being called may finish, and no event is
  /// handed out. Never blocks; may be called by any thread, by a listener and by a signal handler, and more than once.
  void close() noexcept;

  /// Drops the connection, or the wait for one, and connects anew at once, from the last event ID; no error is
  /// reported. Does nothing before the source is run and once it is closed. May be called like close().
  void restart() noexcept;

  // From any thread.
  ReadyState ready_state() const;
  /// What a reconnection would send. With next(), events that still wait are part of it: what has been dealt with is
  /// what the last event handed out says.
  std::string last_event_id() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

class EventSource::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = ReceivedEvent;
  using difference_type = std::ptrdiff_t;

  const ReceivedEvent& operator*() const { return *event_; }
  const ReceivedEvent* operator->() const { return &*event_; }
  Iterator& operator++() {
    event_ = source_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return !event_; }

 private:
  friend class EventSource;
  explicit Iterator(EventSource& source) : source_(&source), event_(source.next()) {}

  EventSource* source_;
  std::optional<ReceivedEvent> event_;
};

inline EventSource::Iterator EventSource::begin() {
  return Iterator(*this);
}

}  // namespace millrace
