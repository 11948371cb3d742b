// Http2Connection: a connection that speaks HTTP/2. It moves the bytes between its socket and its Http2Session, and has
// a Connection for each stream, which takes it for a connection of HTTP/1.1 of its own.
//
// It is a part of the Connection whose socket it is, its root. What its streams send in a turn of the loop leaves in
// one piece at the turn's end. The loop's thread.
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

  /// Takes the first bytes, and what the socket has.
  void begin(std::string_view bytes);
  void on_ready(std::uint32_t events);
  void on_timer(TimePoint now);
  /// The socket is gone: so are the streams, but for those that a worker has.
  void on_lost();
  /// Streams that a worker has, though they are over: they still need this.
  bool is_needed() const { return working_ > 0; }

  // For its streams --------------------------------------------------------------------------------------------------

  /// Takes as many bytes of the stream's response, in HTTP/1.1, as the windows let through.
  std::size_t send(Connection& stream, std::span<const iovec> buffers);
  /// Whether it would take any: not once the client has reset the stream.
  bool is_open(const Connection& stream) { return find(stream) != nullptr; }
  /// The response is over.
  void end(Connection& stream);
  /// The stream is closed: it is reset if it is still open.
  void drop(Connection& stream);
  /// The stream waits for room.
  void await_room() { has_waiting_ = true; }
  /// A worker gets the stream's request, and reads and writes through the pipe.
  std::shared_ptr<ExchangePipe> open_pipe(Connection& stream);
  /// The worker has left something in the pipe, or has taken something out of it.
  void pump(Connection& stream);
  /// The worker is done: what is left in the pipe goes before `output`. False if the stream is over meanwhile.
  bool close_pipe(Connection& stream, std::string& output);

  // For its loop -----------------------------------------------------------------------------------------------------

  Connection& root() const { return root_; }
  /// What is to be sent; empty while it waits for the socket.
  std::string_view sealed() const;
  /// So many of them have been taken.
  void took(std::size_t bytes);
  /// There is room again: streams that wait for it go on.
  void wake();
  /// No more requests are taken.
  void go_away();

 private:
  // Of a stream, while it has a request or a response that is not an event stream.
  struct Message {
    explicit Message(bool to_head) : response(to_head) {}
    ResponseReader response;
    std::string body;           // what has come of it, where its length is not known yet
    bool is_undecided = false;  // whether it has a length is seen when all that has come has been looked at
    bool is_whole = false;      // the body
    bool is_chunked = false;    // to whoever reads it
    std::shared_ptr<ExchangePipe> pipe;
  };

  void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) override;
  void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) override;
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
  void set_timer();
  void close_streams();
  void lose(Connection& stream);
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
  TimePoint fields_by_ = TimePoint::max();  // a field section that is coming has to be whole
  TimePoint idle_until_;                    // while no stream is open
  std::size_t working_ = 0;                 // streams that a worker has, and that are over
  std::size_t requests_ = 0;                // of this turn
  std::size_t turn_ = 0;                    // among those that wait for room
  bool is_dirty_ = false;                   // the loop sends what there is at the end of this turn
  bool awaits_socket_ = false;              // which is full
  bool has_waiting_ = false;                // streams that wait for room
  bool is_waking_ = false;                  // the loop will call wake()
  bool is_ending_ = false;                  // once all is sent, the connection lingers
  bool is_lost_ = false;
};

}  // namespace millrace
