// EventStream: a handle on one open response, for streams that belong to one request: an LLM's answer, a job's
// progress.
//
// Copies share the stream. Any thread, callbacks included, may use any copy; no call throws, and only wait_for_room()
// blocks. Destroying the last copy ends the stream like close(). Copies may outlive the server, which closes the
// stream. A handle without a stream, or moved from, is closed.
//
//   auto stream = server.open_stream(req, res);
//   std::thread([stream] {
//     while (auto token = next_token()) {
//       if (!stream.wait_for_room(30s) || !stream.send({.data = *token})) break;
//     }
//   }).detach();
//
// If a client reads more slowly than the producer sends, events wait in memory. Pace the producer with wait_for_room(),
// or with on_room() where no thread can wait; otherwise send() cuts the stream at the bounds it names.
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
  kClosed,         ///< the program called close(), or destroyed the last handle
  kClientLeft,     ///< the client closed the connection, the connection broke, or the server stopped
  kTooSlow,        ///< cut: more than kMaxStreamBufferBytes would wait for the client
  kNoBufferSpace,  ///< cut: all streams together held too many bytes for slow clients
};

/// The same as a sentence.
std::string_view sentence_of(EventStreamEnd end);

/// A handle on one open response. Copies share the stream.
class EventStream {
 public:
  class State;  // private

  /// A handle without a stream: closed from the beginning.
  EventStream() = default;
  /// Server::open_stream() creates it.
  explicit EventStream(std::shared_ptr<State> state);

  /// The result of send(): true if the stream has accepted the event.
  struct Sent {
    /// Why the stream is closed and has refused the event; kNone if it has accepted it.
    EventStreamEnd end = EventStreamEnd::kClosed;
    /// Whether the stream has accepted the event.
    explicit operator bool() const { return end == EventStreamEnd::kNone; }
    /// The same as a bool, for example for a callback that returns whether to continue.
    bool is_sent() const { return end == EventStreamEnd::kNone; }
    /// The end as a sentence.
    std::string_view sentence() const { return sentence_of(end); }
  };
  /// Sends one event on the stream. A stream must not skip an event, so send() cuts the stream if more than
  /// kMaxStreamBufferBytes would wait for the client. All streams together may hold half of
  /// ServerOptions::http.max_buffered_bytes (kUncountedBufferBytes of each do not count); beyond it the server cuts the
  /// streams that hold most, perhaps this one, until an eighth of that half is free.
  Sent send(const Event& event) const;

  /// Ends the stream after the events already sent. Does nothing if it is closed.
  void close() const;

  /// Whether the stream is open. A lost client may not have been noticed yet.
  bool is_open() const;

  /// Why the stream is closed, kNone while it is open; kClosed for a handle without a stream.
  EventStreamEnd end() const;

  /// Bytes sent on the stream that the client's connection has not accepted yet.
  std::size_t buffered_bytes() const;

  /// How a wait for room ended.
  enum class Room : std::uint8_t {
    kNow,        ///< the stream has room
    kNotInTime,  ///< the timeout has passed, and the client has not read
    kNever,      ///< the stream is closed; end() says why
  };
  /// The result of wait_for_room(): true if the stream has room.
  struct Waited {
    /// How the wait ended.
    Room room = Room::kNever;
    /// Whether the stream has room.
    explicit operator bool() const { return room == Room::kNow; }
    /// The same as a sentence.
    std::string_view sentence() const;
  };
  /// Blocks until the stream has room (at most kStreamRoomBytes wait for the client), the stream is closed, or
  /// `timeout` (at most one day counts) has passed. In a handler this blocks a worker, and listen() waits for that
  /// worker when the server stops.
  Waited wait_for_room(Duration timeout) const;

  /// Calls `callback` once, when the stream has room or is over: on a worker thread of the server, even if the stream
  /// has room already; while the server stops, on the thread of listen(); if the stream is already over, immediately on
  /// this thread. Never under a lock: the callback may use the stream and the server, stop() included, and may call
  /// on_room() again, unless the stream is over. Its exceptions go to ServerOptions::on_failure.
  void on_room(std::function<void()> callback) const;

  /// Calls `callback` once when the stream is over, for any reason: on a worker thread of the server; while the server
  /// stops, on the thread of listen(), which returns only afterwards; if the stream is already over, immediately on
  /// this thread. The callback may use the stream and the server, stop() included. Its exceptions go to
  /// ServerOptions::on_failure; those for a handle without a stream are dropped.
  void on_close(std::function<void()> callback) const;

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
};

}  // namespace millrace
