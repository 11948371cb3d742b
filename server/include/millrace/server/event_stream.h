// EventStream: a handle on one open response, for streams that belong to one request: an LLM's answer, a job's
// progress.
//
// Copies share the stream. Any thread may use any copy, callbacks included; none of the calls throws, and none but
// wait_for_room() blocks. When the last copy goes, the stream ends as by close(). Copies may outlive the server, which
// closes the stream. A handle that is made without a stream, or moved from, is closed.
//
//   auto stream = server.open_stream(req, res);
//   std::thread([stream] {
//     while (auto token = next_token()) {
//       if (!stream.wait_for_room(30s) || !stream.send({.data = *token})) break;
//     }
//   }).detach();
//
// A client that reads more slowly than its stream is sent to makes events wait in memory. Pace the producer by
// wait_for_room(), or by on_room() where no thread can wait; one that is not paced has its stream cut at the bounds
// that send() names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "millrace/core/event.h"
#include "millrace/core/time.h"
#include "millrace/server/limits.h"

namespace millrace {

/// What ended an EventStream.
enum class EventStreamEnd : std::uint8_t {
  kNone,           ///< it is open
  kClosed,         ///< its program: close(), or the last handle went
  kClientLeft,     ///< the client closed the connection, the connection broke, or the server stopped
  kTooSlow,        ///< cut: more than kMaxStreamBufferBytes would have waited for the client
  kNoBufferSpace,  ///< cut: all streams together kept too much for slow clients
};

/// The same as a sentence.
std::string_view sentence_of(EventStreamEnd end);

/// A handle on one open response. Copies share the stream.
class EventStream {
 public:
  class State;  // private

  /// A handle on no stream: closed from the beginning.
  EventStream() = default;
  /// Server::open_stream() makes one.
  explicit EventStream(std::shared_ptr<State> state);

  /// What became of an event: true if the stream has it.
  struct Sent {
    /// Why the stream does not have it, because it is closed; kNone if it has.
    EventStreamEnd end = EventStreamEnd::kClosed;
    /// Whether the stream has the event.
    explicit operator bool() const { return end == EventStreamEnd::kNone; }
    /// The same, where a bool is wanted, such as in a callback that says whether to go on.
    bool is_sent() const { return end == EventStreamEnd::kNone; }
    /// The end as a sentence.
    std::string_view sentence() const { return sentence_of(end); }
  };
  /// Hands one event to the stream. Nothing may be left out of a stream, so this cuts it if more than
  /// kMaxStreamBufferBytes would wait for the client. All streams together may keep half of
  /// ServerOptions::http.max_buffered_bytes (kUncountedBufferBytes of each do not count); beyond it the server cuts
  /// those of which most waits, until an eighth of that is free: this one may be among them.
  Sent send(const Event& event) const;

  /// Ends the stream after the events that were sent. Does nothing if it is closed.
  void close() const;

  /// Whether the client is still connected, as far as is known.
  bool is_open() const;

  /// Why the stream is closed, as far as is known; kClosed for a handle on no stream.
  EventStreamEnd end() const;

  /// Bytes sent to the stream that the client's connection has not taken yet.
  std::size_t buffered_bytes() const;

  /// What wait_for_room() has waited for.
  enum class Room : std::uint8_t {
    kNow,        ///< the stream has room
    kNotInTime,  ///< the time is over, and the client has not read
    kNever,      ///< the stream is closed; end() says why
  };
  /// What became of waiting: true if the stream has room.
  struct Waited {
    /// Says what became of it.
    Room room = Room::kNever;
    /// Whether the stream has room.
    explicit operator bool() const { return room == Room::kNow; }
    /// The same as a sentence.
    std::string_view sentence() const;
  };
  /// Waits until the stream has room: until at most kStreamRoomBytes wait for the client; or until it is closed, or
  /// `timeout` (at most a day counts) is over. The caller's thread waits: in a handler it is a worker, which listen()
  /// waits for when the server stops.
  Waited wait_for_room(Duration timeout) const;

  /// Calls `callback` once, when the stream has room or is over: on a worker thread of the server, also if it has room
  /// already; while the server stops, on the thread of listen(); or here and now if it is over already. Never under a
  /// lock: the callback may use the stream and the server, stop() included, and ask for the next call by on_room(), but
  /// not of a stream that is over. What it throws goes to ServerOptions::on_failure.
  void on_room(std::function<void()> callback) const;

  /// Calls `callback` once when the stream is over, whoever ended it: on a worker thread of the server; while that
  /// stops, on the thread of listen(), which does not return before; or here and now if it is over already. The
  /// callback may use the stream and the server, stop() included. What it throws goes to ServerOptions::on_failure; for
  /// a handle on no stream it is dropped.
  void on_close(std::function<void()> callback) const;

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
};

}  // namespace millrace
