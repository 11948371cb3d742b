// Http2Session: the server's side of a connection of HTTP/2 [RFC 9113]: its streams, windows and settings. Bytes in,
// events and bytes out. Pure: no sockets, threads or clock; one thread.
//
//   session.receive(bytes, now);          calls the listener
//   session.respond(stream, block, false);
//   session.send(stream, pieces, true);   as much as the windows let through
//   take session.output(), and send it
//
// Whatever a peer does costs a bounded amount of work and memory: limits.h has the bounds, which begin with kHttp2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "allowance.h"
#include "frame_reader.h"
#include "hpack.h"
#include "http/request_head.h"
#include "millrace/core/time.h"
#include "millrace/server/limits.h"
#include "request_fields.h"

namespace millrace {

class Connection;

/// A stream that is open, at least on one side. There are very many of these.
struct Http2Stream {
  std::uint32_t id = 0;
  std::int32_t send_window = 0;  ///< below 0 where the peer has made it smaller [RFC 9113 6.9.2]
  std::uint16_t received = 0;    ///< bytes of its receive window that are used up
  std::uint16_t consumed = 0;    ///< of these, those that the peer may send again once it hears of them
  bool is_remote_over = false;   ///< the peer sends nothing more on it
  Connection* user = nullptr;    ///< the listener's own
};
static_assert(kHttp2StreamWindowBytes <= 0xffff);

class Http2Session {
 public:
  /// What receive() brings. The calls may call the session in turn, and end streams.
  class Listener {
   public:
    /// A request, whose fields are in order. Where it has a body, on_body() follows.
    virtual void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) = 0;
    /// A piece of its body: consume() is to follow. `is_last`: it is over; the piece may be empty.
    virtual void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) = 0;
    /// The stream is over: by the peer, or since the peer broke the protocol. It must not be used any more.
    virtual void on_reset(Http2Stream& stream) = 0;
    /// The peer lets more through on this stream; on all streams.
    virtual void on_room(Http2Stream& stream) = 0;
    virtual void on_room() = 0;

   protected:
    ~Listener() = default;
  };

  /// A decoder for all sessions of a loop, for field sections that refer to nothing before them.
  struct SharedDecoder {
    HpackDecoder decoder{HpackDecoder::Table::kNone};
  };

  /// `max_head_bytes`: of a request's field section. The first bytes of output() are the server's preface.
  Http2Session(Listener& listener, SharedDecoder& shared, std::size_t max_head_bytes);

  /// Takes bytes off the connection: at first, the client's preface. False if the connection is over: what is left in
  /// output() is to be sent, and then it is to be closed.
  bool receive(std::string_view bytes, TimePoint now);

  /// The stream of this number; null if it is not open any more. Valid until any stream begins or ends.
  Http2Stream* find(std::uint32_t stream);
  const std::vector<Http2Stream>& streams() const { return streams_; }

  // For a stream that is open ----------------------------------------------------------------------------------------

  /// Sends a field section, in HPACK. `ends`: nothing follows; the stream is not open any more.
  void respond(Http2Stream& stream, std::string_view block, bool ends);
  /// Answers with an error as Millrace has them, which ends the stream. `retry_after`: for that field, in whole
  /// seconds.
  void refuse(Http2Stream& stream, const RequestError& error, std::optional<Duration> retry_after = {});
  /// Bytes that send() would take.
  std::size_t room(const Http2Stream& stream) const;
  /// Sends as much of the pieces, in order, as the windows let through; returns how many bytes. `ends`: nothing follows
  /// them; once all have been taken, the stream is not open any more.
  std::size_t send(Http2Stream& stream, std::span<const std::string_view> pieces, bool ends);
  /// Gives the peer credit for as many bytes of a body.
  void consume(Http2Stream& stream, std::size_t bytes);
  /// Ends it at once.
  void reset(Http2Stream& stream, Http2Error error);

  // For the connection -----------------------------------------------------------------------------------------------

  /// What is to be sent; whoever has sent it drops it.
  std::string& output() { return output_; }
  const std::string& output() const { return output_; }
  /// While it is blocked, nothing but what the protocol demands is added to output().
  void block_output(bool is_blocked) { is_blocked_ = is_blocked; }
  bool is_output_blocked() const { return is_blocked_; }

  /// No request is taken any more; those that are there are still answered. `sentence`: for whoever looks.
  void go_away(std::string_view sentence);
  bool is_going_away() const { return is_going_away_; }
  /// The peer has broken the protocol, or has to stop for other reasons; nothing more is received or sent.
  bool is_over() const { return is_over_; }
  Http2Error error() const { return error_; }
  std::string_view error_sentence() const { return error_sentence_; }
  /// Ends it for the reason.
  void fail(Http2Error error, std::string_view sentence);

  /// Work for streams that are over goes on: they count as open until it is done.
  void hold_place() { ++held_places_; }
  void give_back_place() { --held_places_; }
  std::size_t open() const { return streams_.size() + held_places_; }

  /// Some of a field section has come, but not all: the peer is not to take for ever.
  bool is_within_fields() const { return block_stream_ != 0; }
  /// Bytes of memory that wait for more to come.
  std::size_t held_bytes() const { return block_.capacity() + reader_.held_bytes(); }
  /// The peer has acknowledged the settings.
  bool is_settled() const { return is_settled_; }

 private:
  enum class Fields : std::uint8_t { kRequest, kTrailers, kIgnored };

  bool take_preface(std::string_view& bytes);
  void take(const FrameReader::Piece& piece);
  void take_data(const FrameReader::Piece& piece);
  void take_body(Http2Stream& stream, std::string_view data, bool is_last);
  std::string_view without_padding(const FrameReader::Piece& piece);
  void take_headers(const FrameReader::Piece& piece);
  void take_continuation(const FrameReader::Piece& piece);
  void add_to_block(std::string_view part, bool is_last);
  void end_block(std::string_view block);
  bool decode(std::string_view block, RequestFields& fields);
  void begin_request(std::uint32_t id, RequestFields& fields);
  void end_with_trailers(Http2Stream& stream, const RequestFields& fields);
  void take_priority(const FrameReader::Piece& piece);
  void take_reset(const FrameReader::Piece& piece);
  void take_settings(const FrameReader::Piece& piece);
  bool take_setting(SettingId id, std::uint32_t value);
  void change_initial_window(std::uint32_t value);
  void take_ping(const FrameReader::Piece& piece);
  void take_go_away(const FrameReader::Piece& piece);
  void take_window_update(const FrameReader::Piece& piece);
  void widen(Http2Stream& stream, std::uint32_t bytes);
  void widen_connection(std::uint32_t bytes);

  bool spend_control(std::size_t cost = 1);
  bool spend_reset();
  void break_stream(Http2Stream& stream, Http2Error error);
  void refuse_stream(std::uint32_t id, Http2Error error);
  void credit(std::size_t bytes);
  Http2Stream& begin_stream(std::uint32_t id, bool has_body, std::optional<std::uint64_t> length);
  void end(Http2Stream& stream);
  void erase(Http2Stream& stream);
  void remember_reset(std::uint32_t id);
  bool was_reset(std::uint32_t id) const;

  Listener& listener_;
  SharedDecoder& shared_;
  const std::size_t max_head_bytes_;
  std::vector<Http2Stream> streams_;  // by their numbers, which only grow
  // A body that has a length, and has not come to its end.
  struct Body {
    std::uint32_t stream;
    std::uint64_t left;
  };
  std::vector<Body> bodies_;  // by their streams' numbers
  std::size_t held_places_ = 0;
  std::string output_;

  FrameReader reader_;
  TimePoint now_{};
  std::unique_ptr<HpackDecoder> decoder_;  // until the settings are acknowledged
  HpackDecoder::Table table_ = HpackDecoder::Table::kDefault;
  std::string block_;               // of the field section that is coming
  std::uint32_t block_stream_ = 0;  // its stream's number; 0 if there is none
  std::uint16_t block_frames_ = 0;
  Fields block_fields_{};
  bool block_ends_stream_ = false;
  std::uint32_t data_left_ = 0;  // bytes of data of it

  std::uint8_t preface_bytes_ = 0;  // of the client's that have come
  bool has_settings_ = false;       // of the peer
  bool is_settled_ = false;
  bool has_sent_fields_ = false;
  bool is_blocked_ = false;
  bool is_going_away_ = false;
  bool is_over_ = false;
  std::uint32_t last_stream_ = 0;  // of the peer's
  std::int64_t send_window_ = kInitialWindow;
  std::int64_t widest_ = kInitialWindow;              // that it has been
  std::int64_t stream_send_window_ = kInitialWindow;  // of new streams
  std::size_t received_ = 0;
  std::size_t consumed_ = 0;
  Allowance control_{kHttp2ControlFramesAtOnce, kHttp2ControlFramesPerSecond};
  Allowance resets_{kHttp2ResetsAtOnce, kHttp2ResetsPerSecond};
  std::vector<std::uint32_t> reset_;  // streams that the server has ended before the peer had, newest last
  Http2Error error_ = Http2Error::kNone;
  std::string_view error_sentence_;
};

}  // namespace millrace
