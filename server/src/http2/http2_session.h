// Http2Session: the server's side of an HTTP/2 connection [RFC 9113]: its streams, windows and settings. Bytes in,
// events and bytes out. Pure: no sockets, threads or clock; one thread.
//
//   session.receive(bytes, now);          calls the listener
//   session.respond(stream, block, false);
//   session.send(stream, pieces, true);   as much as the windows let through
//   take session.output(), and send it
//
// Everything that a peer does costs bounded work and memory; the bounds in limits.h begin with kHttp2.
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

/// A stream that is open on at least one side. A server has very many.
struct Http2Stream {
  std::uint32_t id = 0;
  std::int32_t send_window = 0;  ///< negative if the peer has reduced it [RFC 9113 6.9.2]
  std::uint16_t received = 0;    ///< used bytes of its receive window
  std::uint16_t consumed = 0;    ///< of these, the bytes for which the peer has not got credit yet
  bool is_remote_over = false;   ///< the peer has ended its side
  Connection* user = nullptr;    ///< for the listener
};
static_assert(kHttp2StreamWindowBytes <= 0xffff);

class Http2Session {
 public:
  /// Gets the events of receive(). May call the session, and end streams.
  class Listener {
   public:
    /// A valid request. on_body() follows if it has a body.
    virtual void on_request(std::uint32_t stream, const RequestFields& fields, bool has_body) = 0;
    /// A piece of a request's body: call consume() afterwards. `is_last`: the body ends; the piece may be empty.
    virtual void on_body(Http2Stream& stream, std::string_view bytes, bool is_last) = 0;
    /// A request whose field section is larger than the bound: refuse it. `fields` has those that fit.
    virtual void on_too_large(Http2Stream& stream, const RequestFields& fields) = 0;
    /// The peer has reset the stream or broken the protocol. The stream must not be used any more.
    virtual void on_reset(Http2Stream& stream) = 0;
    /// The peer's window has room again: for this stream; for all streams.
    virtual void on_room(Http2Stream& stream) = 0;
    virtual void on_room() = 0;

   protected:
    ~Listener() = default;
  };

  /// The decoder of all sessions of a loop, for field sections that refer to nothing before them.
  struct SharedDecoder {
    HpackDecoder decoder{HpackDecoder::Table::kNone};
  };

  struct Bounds {
    std::size_t head_bytes;  ///< largest field section of a request
    std::size_t streams = kHttp2MaxStreams;
  };

  /// The first bytes of output() are the server's preface.
  Http2Session(Listener& listener, SharedDecoder& shared, Bounds bounds);

  /// Takes the connection's input, first the client's preface. Returns false if the connection is over: send output(),
  /// then close.
  bool receive(std::string_view bytes, TimePoint now);

  /// The stream with this number; null if it is no longer open. Valid until any stream begins or ends.
  Http2Stream* find(std::uint32_t stream);
  const std::vector<Http2Stream>& streams() const { return streams_; }

  // For an open stream -----------------------------------------------------------------------------------------------

  /// Sends a field section, in HPACK. `ends`: ends the response and closes the stream.
  void respond(Http2Stream& stream, std::string_view block, bool ends);
  /// The bytes that send() would take.
  std::size_t room(const Http2Stream& stream) const;
  /// Whether send() would take anything from a stream whose own window has room.
  bool has_room() const { return !is_over_ && !is_blocked_ && output_.size() < kHttp2GatherBytes && send_window_ > 0; }
  /// Sends as much of the pieces, in order, as the windows allow; returns the number of bytes. `ends`: ends the
  /// response, and closes the stream once all bytes are taken.
  std::size_t send(Http2Stream& stream, std::span<const std::string_view> pieces, bool ends);
  /// Gives the peer credit for this many bytes of a body.
  void consume(Http2Stream& stream, std::size_t bytes);
  /// Resets the stream at once.
  void reset(Http2Stream& stream, Http2Error error);

  // For the connection -----------------------------------------------------------------------------------------------

  /// The bytes to send; the sender removes those that it has sent.
  std::string& output() { return output_; }
  const std::string& output() const { return output_; }
  /// While blocked, the session adds to output() only what the protocol requires.
  void block_output(bool is_blocked) { is_blocked_ = is_blocked; }
  bool is_output_blocked() const { return is_blocked_; }

  /// Sends a PING, which the peer acknowledges.
  void ping();
  /// Accepts no further requests, but answers those received. `sentence` explains it to people who debug the
  /// connection.
  void go_away(std::string_view sentence);
  bool is_going_away() const { return is_going_away_; }
  /// Whether the connection is over, because the peer has broken the protocol or for another reason: it receives and
  /// sends nothing more.
  bool is_over() const { return is_over_; }
  Http2Error error() const { return error_; }
  std::string_view error_sentence() const { return error_sentence_; }
  /// Ends the connection with this error.
  void fail(Http2Error error, std::string_view sentence);

  /// Counts a stream that is over as open until give_back_place(), because a worker still serves it.
  void hold_place() { ++held_places_; }
  void give_back_place() { --held_places_; }
  std::size_t open() const { return streams_.size() + held_places_; }

  /// Whether a field section is incomplete; the caller bounds the time for it.
  bool is_within_fields() const { return block_stream_ != 0; }
  /// Memory of incomplete input.
  std::size_t held_bytes() const { return block_.capacity() + reader_.held_bytes(); }
  /// Whether the peer has acknowledged the settings.
  bool is_settled() const { return is_settled_; }

 private:
  enum class Fields : std::uint8_t { kRequest, kTrailers, kIgnored };

  bool take_preface(std::string_view& bytes);
  void take_frame(const FrameReader::Piece& piece);
  void take_data(const FrameReader::Piece& piece);
  enum class BodyEnd { kLater, kInThisFrame, kNow };
  /// `rest`: bytes of the frame's data that are still to come.
  void take_body(Http2Stream& stream, std::string_view data, std::size_t rest, BodyEnd end);
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
  void earn_for_data(std::size_t bytes, std::int64_t stream_window);
  void break_stream(Http2Stream& stream, Http2Error error);
  void refuse_stream(std::uint32_t id, Http2Error error);
  void credit(std::size_t bytes);
  Http2Stream& begin_stream(std::uint32_t id, bool has_body, std::optional<std::uint64_t> length);
  void end(Http2Stream& stream);
  void erase(Http2Stream& stream);
  void remember_reset(std::uint32_t id);
  bool was_reset(std::uint32_t id) const;
  void remember_skipped(std::uint32_t next);
  bool was_skipped(std::uint32_t id) const;

  Listener& listener_;
  SharedDecoder& shared_;
  const Bounds bounds_;
  std::vector<Http2Stream> streams_;  // in order of their numbers, which only grow
  // An incomplete body with a declared length.
  struct Body {
    std::uint32_t stream;
    std::uint64_t left;
  };
  std::vector<Body> bodies_;  // in order of their streams' numbers
  std::size_t held_places_ = 0;
  std::string output_;

  FrameReader reader_;
  TimePoint now_{};
  std::unique_ptr<HpackDecoder> decoder_;  // until the settings are acknowledged
  HpackDecoder::Table table_ = HpackDecoder::Table::kDefault;
  std::string block_;               // the incomplete field section
  std::uint32_t block_stream_ = 0;  // its stream's number; 0: no incomplete section
  std::uint16_t block_frames_ = 0;
  Fields block_fields_{};
  bool block_ends_stream_ = false;
  std::uint32_t data_left_ = 0;  // bytes of data left, without padding

  std::uint8_t preface_bytes_ = 0;  // received bytes of the client's preface
  bool has_settings_ = false;       // the peer's settings have arrived
  bool is_settled_ = false;
  bool has_sent_fields_ = false;
  bool is_blocked_ = false;
  bool is_going_away_ = false;
  bool is_over_ = false;
  std::uint32_t last_stream_ = 0;  // the peer's last stream
  std::int64_t send_window_ = kInitialWindow;
  std::int64_t widest_ = kInitialWindow;              // its largest size so far
  std::int64_t stream_send_window_ = kInitialWindow;  // for new streams
  std::size_t received_ = 0;
  std::size_t consumed_ = 0;
  Allowance control_{kHttp2ControlFramesAtOnce, kHttp2ControlFramesPerSecond};
  Allowance resets_{kHttp2ResetsAtOnce, kHttp2ResetsPerSecond};
  std::vector<std::uint32_t> reset_;  // streams that the server has ended before the peer, newest last
  // Ranges of numbers that the peer has left out. Few clients leave any out.
  struct Skipped {
    std::uint32_t first;
    std::uint32_t last;
  };
  std::vector<Skipped> skipped_;
  Http2Error error_ = Http2Error::kNone;
  std::string_view error_sentence_;
};

}  // namespace millrace
