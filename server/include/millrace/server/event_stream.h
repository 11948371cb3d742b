// EventStream: a handle on one open response, for streams that belong to one request: an LLM's answer, a job's
// progress.
//
// Copies share the stream. Any thread may use any copy, callbacks included; no call blocks, and none throws. When the
// last copy goes, the stream ends as by close(). Copies may outlive the server, which closes the stream.
//
//   auto stream = server.open_stream(req, res);
//   std::thread([stream] { while (auto token = next_token()) if (!stream.send({.data = *token})) break; }).detach();
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "millrace/core/event.h"

namespace millrace {

/// A handle on one open response. Copies share the stream.
class EventStream {
 public:
  class State;  // private

  /// Server::open_stream() makes one.
  explicit EventStream(std::shared_ptr<State> state);

  /// Hands one event to the stream. False if the stream is closed, or if the client reads so slowly that more than
  /// kMaxStreamBufferBytes would wait for it: then the stream is cut, since nothing may be left out of it.
  bool send(const Event& event) const;

  /// Ends the stream after the events that were sent. Does nothing if it is closed.
  void close() const;

  /// Whether the client is still connected, as far as is known.
  bool is_open() const;

  /// Bytes sent to the stream that the client's connection has not taken yet.
  std::size_t buffered_bytes() const;

  /// Calls `callback` once when the stream is over, whoever ended it: on a worker thread of the server; while that
  /// stops, on the thread of listen(), which does not return before; or here and now if it is over already. The
  /// callback may use the stream and the server, stop() included. What it throws goes to ServerOptions::on_failure.
  void on_close(std::function<void()> callback) const;

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
};

}  // namespace millrace
