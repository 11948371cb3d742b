// TlsChannel: TLS on one accepted socket, which stays the caller's.
//
// It never waits. Records are sealed only while nothing sealed is unsent, since sealed bytes cannot be taken back: what
// a channel keeps of them is at most one record, or one flight of a handshake. Any thread, where nothing else is said.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;  // OpenSSL's SSL

namespace millrace {

class TlsChannel {
 public:
  /// Plain bytes of one record: sealed, with all that TLS 1.2 or 1.3 adds, they are at most kMaxSealedBytes.
  static constexpr std::size_t kMaxPlainBytes = 16'000;
  static constexpr std::size_t kMaxSealedBytes = 16'384;

  enum class Handshake : std::uint8_t {
    kDone,
    kWaits,      ///< for the client
    kClearText,  ///< the client does not speak TLS; nothing has been sent to it
    kFailed,
  };

  virtual ~TlsChannel() = default;

  // The handshake: the loop's thread ---------------------------------------------------------------------------------

  /// Goes on with it as far as the client's bytes reach.
  virtual Handshake shake_hands() = 0;
  /// What is worth a line in the log about it, once: why it has failed, or that there was no certificate for the name
  /// that the client asked for. What only the handshake needed is given back.
  struct Remark {
    std::string kind;      ///< few of them are told apart
    std::string sentence;  ///< empty: nothing is
  };
  virtual Remark take_remark() = 0;
  /// The protocol that both have agreed on; empty if the client has named none. [RFC 7301]
  virtual std::string_view protocol() const = 0;
  /// The client has come back with a ticket.
  virtual bool is_resumed() const = 0;
  /// The subject of the client's certificate, which has been verified, as RFC 2253 writes it; empty if it has none.
  virtual const std::string& client_subject() const = 0;
  /// OpenSSL's object, for programs that know it. While a worker has the request, it may look into it.
  virtual ssl_st* native() const = 0;

  // Bytes ------------------------------------------------------------------------------------------------------------

  /// Bytes read; 0: the client has ended; an errno, negated: -EAGAIN if nothing has come.
  virtual ssize_t read(char* data, std::size_t size) = 0;
  /// Bytes have been read off the socket that read() has not handed out: the socket may stay silent about them.
  virtual bool has_pending_input() const = 0;

  /// Seals and sends as much as the socket takes, and at most one record more, which it keeps. Bytes taken; an errno,
  /// negated. With no buffers it sends what it keeps.
  virtual ssize_t write(std::span<const iovec> buffers) = 0;

  struct Sealed {
    std::size_t plain = 0;    ///< bytes taken
    std::string_view record;  ///< what to send for them, in the arena
  };
  /// Seals one record of `bytes` and appends it to `arena`, whose capacity must have room for kMaxSealedBytes more.
  /// Nothing if something sealed is unsent. settle() has to follow before any other call.
  virtual Sealed seal(std::string_view bytes, std::string& arena) = 0;
  /// What the system says of sending `record`: bytes that the socket has taken, or an errno, negated. False if the
  /// connection is broken.
  virtual bool settle(std::string_view record, ssize_t result) = 0;

  /// It keeps something sealed that the socket has not taken: write() once it takes more.
  virtual bool has_unsent() const = 0;

  /// Tells the client that nothing follows, if the socket takes it at once.
  virtual void say_goodbye() = 0;
};

}  // namespace millrace
