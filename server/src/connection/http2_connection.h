// Http2Connection: moves bytes between the socket of an HTTP/2 connection and its Http2Session. Each stream has a
// Connection of its own, which works as if it were an HTTP/1.1 connection.
//
// It is a part of its root, the Connection that owns the socket. The output of all streams in a turn of the loop is
// sent in one piece at the turn's end. The loop's thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exchange_pipe.h"
#include "http2/http2_session.h"
#include "http2/response_reader.h"
#include "millrace/core/time.h"
#include "shares/buffer_budget.h"
#include "signs_of_life.h"

namespace millrace {

class Connection;
class ConnectionLoop;

class Http2Connection final : private Http2Session::Listener {
 public:
  explicit Http2Connection(Connection& root);
  ~Http2Connection();
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  // For its root -----------------------------------------------------------------------------------------------------

  /// Processes the first bytes, and reads the socket.
  void begin(std::string_view bytes);
  void on_ready(std::uint32_t events);
  void on_timer(TimePoint now);
  /// The socket is closed: closes the streams, except those that a worker handles.
  void on_lost();
  /// Whether workers still handle streams that are over, which need this object.
  bool is_needed() const { return working_ > 0; }

  // For its streams --------------------------------------------------------------------------------------------------

  /// Takes as many bytes of the stream's response, in the form of HTTP/1.1, as the windows allow.
  std::size_t send(Connection& stream, std::span<const iovec> buffers);
  /// Whether send() accepts bytes: not after the client has reset the stream.
  bool is_open(const Connection& stream) { return find(stream) != nullptr; }
  /// The response has ended.
  void end(Connection& stream);
  /// The stream's Connection closes: resets the stream if it is still open.
  void drop(Connection& stream);
  /// The stream waits for room.
  void await_room() { has_waiting_ = true; }
  /// Creates the pipe through which a worker reads the stream's request and writes its response.
  std::shared_ptr<ExchangePipe> open_pipe(Connection& stream);
  /// The worker has written to the pipe or read from it.
  void pump(Connection& stream);
  /// The worker has finished: puts the rest of the pipe before `output`. False if the stream is already over.
  bool close_pipe(Connection& stream, std::string& output);

  // For its loop -----------------------------------------------------------------------------------------------------

  Connection& root() const { return root_; }
  /// The bytes to send; empty while it waits for the socket.
  std::string_view sealed() const;
  /// The socket has taken this many of the bytes.
  void took(std::size_t bytes);
  /// Lets the streams that wait for room go on.
  void wake();
  /// Stops accepting requests.
  void go_away();

 private:
  // State of a stream while it has a request, or a response that is not an event stream.
  struct Message {
    explicit Message(bool to_head) : response(to_head) {}
    ResponseReader response;
    std::string body;           // the body so far, while its length is unknown
    bool is_undecided = false;  // decide whether the length is known after processing the present input
    bool is_whole = false;      // the body is complete
    bool is_chunked = false;    // the reader gets the body in chunks
    std::shared_ptr<ExchangePipe> pipe;
  };

  void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) override;
  void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) override;
  void on_too_large(Http2Stream& stream, const RequestFields& fields) override;
  void on_reset(Http2Stream& stream) override;
  void on_room(Http2Stream& stream) override;
  void on_room() override;

  ConnectionLoop& loop() const;
  void read();
  void receive(std::string_view bytes);
  void touch();
  void await_socket();
  void wake_later();
  void end_if_over();
  Duration ping_after() const;
  void set_timer();
  void close_streams();
  void lose(Connection& stream);
  void refuse(Http2Stream& stream, const RequestFields& fields, const RequestError& error, bool may_return);
  void decide();
  void feed(Http2Stream& stream, std::string_view bytes);
  Http2Stream* find(const Connection& stream);
  Message* message_of(std::uint32_t stream);
  std::size_t send_message(Connection& stream, Message& message, std::string_view input);
  std::size_t send_body(Connection& stream, Message& message, std::string_view input);
  void close(Connection& stream);
  std::size_t abandon(Connection& stream);
  void cut_pipe(const Connection& stream);

  Connection& root_;
  Http2Session session_;
  std::unordered_map<std::uint32_t, Message> messages_;
  std::vector<std::uint32_t> undecided_;
  BufferBudget::Share share_;
  SignsOfLife client_;
  TimePoint settled_by_;
  TimePoint fields_by_ = TimePoint::max();  // deadline for an incomplete field section
  TimePoint idle_until_;                    // while no stream is open
  TimePoint sent_at_;                       // when something was last sent
  TimePoint look_at_{};                     // when on_timer() is due
  std::size_t working_ = 0;                 // streams that are over, but that workers still handle
  std::size_t requests_ = 0;                // in this turn
  std::size_t turn_ = 0;                    // where wake() begins among the streams that wait for room
  bool is_dirty_ = false;                   // the loop will send the output at the end of this turn
  bool awaits_socket_ = false;              // because the socket is full
  bool has_waiting_ = false;                // a stream waits for room
  bool is_waking_ = false;                  // the loop will call wake()
  bool is_ending_ = false;                  // the connection lingers when everything is sent
  bool is_lost_ = false;
};

}  // namespace millrace
