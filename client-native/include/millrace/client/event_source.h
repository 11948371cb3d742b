// EventSource: the standard's EventSource for native programs. [WHATWG 9.2]
//
// It connects, reconnects where it left off, and calls listeners in the order of the stream. Either run() does so on
// the caller's thread until the source is closed, or start() gives it a thread of its own, which the destructor joins.
// Listeners are registered before that and run on that thread; close() may come from any thread, and from a listener.
// An exception thrown by a listener closes the source and leaves run(); under start() it ends the program.
//
//   millrace::EventSource source("http://localhost:8080/events?topic=orders");
//   source.on("created", [](const millrace::MessageEvent& event) { std::cout << event.data << '\n'; });
//   source.run();
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/client/options.h"
#include "millrace/core/event.h"
#include "millrace/core/event_source_state.h"

namespace millrace {

/// Why a connection was lost, and what happens next.
struct EventSourceError {
  EventSourceState::Reason reason = EventSourceState::Reason::kNone;
  int status = 0;               ///< of the last response; 0 if there has been none
  bool will_reconnect = false;  ///< false: the source is closed for good
  Duration reconnect_in{0};     ///< if it will, after this long
  std::string_view message;     ///< one sentence for people; lives as long as the call
};

class EventSource {
 public:
  using ReadyState = EventSourceState::ReadyState;
  using MessageListener = std::function<void(const MessageEvent&)>;
  using OpenListener = std::function<void()>;
  using ErrorListener = std::function<void(const EventSourceError&)>;

  /// Throws std::invalid_argument if `url` is not an http or https URL or an option cannot be honoured. Connects to
  /// nothing yet.
  explicit EventSource(std::string_view url, EventSourceOptions options = {});

  /// Closes, and waits for the thread of start(), which leaves at once unless it is inside a listener or a name lookup.
  /// Must not be called from a listener.
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
  /// The stream is open; again after every reconnection.
  void on_open(OpenListener listener);
  void on_error(ErrorListener listener);

  /// Runs until the source is closed or has failed for good. Throws std::logic_error if it has been run or started.
  void run();
  /// The same on a thread of its own.
  void start();

  /// Closes for good: no listener is called any more, except that one which is being called may finish. Never blocks;
  /// may be called by any thread, by a listener and by a signal handler, and more than once.
  void close() noexcept;

  // From any thread.
  ReadyState ready_state() const;
  std::string last_event_id() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace millrace
