// EventSource: the standard's EventSource for native programs. [WHATWG 9.2]
//
// It connects, reconnects and resumes, and delivers events in the order of the stream, in one of three ways:
// - run() calls the listeners on the caller's thread until the source is closed;
// - start() calls them on a thread of the source, which the destructor joins. For a source that was made with an
//   EventSourcePool it is a thread of the pool;
// - next() and `for` return the events one by one, to any thread. All other listeners are called on the thread of
//   start().
//
//   millrace::EventSource source("http://localhost:8080/events?topic=orders");
//   for (const millrace::ReceivedEvent& event : source) std::cout << event.data << '\n';
//
// Add listeners before the source runs. Any thread, and a listener, may call close() and restart(). If a listener
// throws, the source closes and run() passes the exception on; with start() the exception ends the program.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/client/limits.h"
#include "millrace/client/options.h"
#include "millrace/core/event.h"
#include "millrace/core/event_source_state.h"
#include "millrace/core/trace_context.h"

namespace millrace {

class ClientLoop;  // private
class EventSourcePool;

/// Why a connection was lost, and what happens next.
struct EventSourceError {
  /// The cause, for programs; `message` is for people.
  EventSourceState::Reason reason = EventSourceState::Reason::kNone;
  int status = 0;                ///< of the last response; 0 before the first
  bool will_reconnect = false;   ///< false: the source is closed for good
  Duration reconnect_in{0};      ///< the wait before reconnecting, if it will
  std::string_view message;      ///< one sentence for people; lives as long as the call
  std::string_view explanation;  ///< what the server said about a refusal; part of `message`; empty if it said nothing
};

/// Missing events: a Millrace server no longer has them. [docs/protocol.md, Gaps]
struct EventSourceGap {
  std::string_view last_event_id;  ///< the ID from which the source asked to resume
  std::string_view reason;         ///< `expired` or `unknown`
};

/// An event that owns its texts.
struct ReceivedEvent {
  std::string type;           ///< never empty: `message` if the stream has no type
  std::string data;           ///< lines joined by LF
  std::string last_event_id;  ///< the ID from which to resume once the program has handled this event
  bool has_id = false;        ///< this event had an `id`; otherwise last_event_id is that of an earlier event

  /// The topic of the event. Nothing if the stream does not name it; a Millrace server does.
  std::optional<std::string> topic = {};
  /// The others, of an event that was published to several topics of the stream; at most kMaxReceivedTopics - 1.
  std::vector<std::string> further_topics = {};
  /// The trace that the event belongs to; empty if the stream names none. EventSourceOptions::traces asks for it.
  OwnedTraceContext trace = {};
};

/// One event stream, over all its connections.
class EventSource {
 public:
  /// The standard's states. [WHATWG 9.2.2]
  using ReadyState = EventSourceState::ReadyState;

  // Arguments of listeners are valid only during the call. Listeners run on the thread that runs the source.

  /// Listener of on(), on_message() and on_any().
  using MessageListener = std::function<void(const MessageEvent&)>;
  /// Listener of on_open().
  using OpenListener = std::function<void()>;
  /// Listener of on_comment().
  using CommentListener = std::function<void(std::string_view)>;
  /// Listener of on_gap().
  using GapListener = std::function<void(const EventSourceGap&)>;
  /// Listener of on_error().
  using ErrorListener = std::function<void(const EventSourceError&)>;

  /// Does not connect yet. Throws std::invalid_argument if `url` is not an http or https URL or an option is invalid,
  /// and std::system_error if the process has no file descriptors left.
  explicit EventSource(std::string_view url, EventSourceOptions options = {});

  /// The same for a source that start() and next() run on a thread of the pool. The pool must outlive only this call.
  EventSource(EventSourcePool& pool, std::string_view url, EventSourceOptions options = {});

  /// Closes, and waits for a listener that is running. Must not be called from a listener of this source. A listener of
  /// another source of the same pool may destroy it.
  ~EventSource();
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  // Listeners: any number of each, called in the order in which they were added. Adding one after run() or start()
  // throws std::logic_error.

  /// Called for events of this type. Types such as `open` and `error` are ordinary events here.
  void on(std::string_view type, MessageListener listener);
  /// Called for events without a type.
  void on_message(MessageListener listener) { on("message", std::move(listener)); }
  /// Called for every event, before the listeners for its type.
  void on_any(MessageListener listener);
  /// Called for each comment, without its colon and one space after it.
  void on_comment(CommentListener listener);
  /// Called when events are missing, before the `millrace.gap` event is dispatched as an event.
  void on_gap(GapListener listener);
  /// Called when the stream is open, also after every reconnection.
  void on_open(OpenListener listener);
  /// Called when a connection is lost or fails; EventSourceError::will_reconnect says whether another one follows.
  void on_error(ErrorListener listener);

  /// Runs until the source is closed or has failed for good. Throws std::logic_error if the source was run or started
  /// before, or belongs to a pool.
  void run();
  /// The same on a thread of the source, or of its pool.
  void start();

  /// Waits for the next event and returns it. Returns nothing if the source is closed for good. The first call starts
  /// the source, and throws std::logic_error if the source was run or started before. While kMaxWaitingEvents events or
  /// EventSourceOptions::max_waiting_bytes bytes wait for next(), the source does not read, so that the server must
  /// wait.
  std::optional<ReceivedEvent> next();
  /// As next(), but returns nothing after `timeout` (at most one day counts) without an event.
  std::optional<ReceivedEvent> next(Duration timeout);

  class Iterator;
  /// Calls next(): the first event of a `for` loop.
  Iterator begin();
  /// The end: an iterator equals it once next() has returned nothing.
  std::default_sentinel_t end() const { return {}; }

  /// Closes for good. Calls no further listener (a running one may finish), and next() returns no event. Never blocks.
  /// Any thread, a listener and a signal handler may call it, any number of times.
  void close() noexcept;

  /// Closes the connection, or ends the wait for one, and connects again at once, from the last event ID. Reports no
  /// error. Does nothing before the source runs and after it is closed. May be called like close().
  void restart() noexcept;

  // From any thread.

  /// kConnecting before the source is run, kClosed once it is closed or has failed for good.
  ReadyState ready_state() const;
  /// The ID that a reconnection would send. With next(), it includes events that still wait: use the last event that
  /// next() returned to know how far the program has come.
  std::string last_event_id() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// An input iterator for `for`, which calls next() until it returns nothing. It must not outlive its source.
class EventSource::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;  ///< a single pass
  using value_type = ReceivedEvent;                  ///< an event
  using difference_type = std::ptrdiff_t;            ///< required by std::input_iterator

  /// The event, until the iterator is advanced.
  const ReceivedEvent& operator*() const { return *event_; }
  /// The same.
  const ReceivedEvent* operator->() const { return &*event_; }
  /// Waits for the next event, as next() does.
  Iterator& operator++() {
    event_ = source_->next();
    return *this;
  }
  /// The same.
  void operator++(int) { ++*this; }
  /// Whether next() has returned nothing.
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
