// TlsChannel: TLS on one accepted socket, which the caller owns.
//
// It never waits. It seals a record only while no sealed bytes are unsent, because sealed bytes cannot be withdrawn: it
// keeps at most one record, or one flight of a handshake. Any thread, unless stated otherwise.
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
  /// Plain bytes of one record: sealed, with all additions of TLS 1.2 or 1.3, they are at most kMaxSealedBytes.
  static constexpr std::size_t kMaxPlainBytes = 16'000;
  static constexpr std::size_t kMaxSealedBytes = 16'384;
  static_assert(kMaxPlainBytes < kMaxSealedBytes);

  enum class Handshake : std::uint8_t {
    kDone,
    kWaits,      ///< waits for the client
    kClearText,  ///< the client does not speak TLS; nothing was sent to it
    kFailed,
  };

  virtual ~TlsChannel() = default;

  // The handshake: the loop's thread ---------------------------------------------------------------------------------

  /// Continues the handshake as far as the client's bytes allow.
  virtual Handshake shake_hands() = 0;
  /// A line for the log about the handshake: why it has failed, or that no certificate matches the client's name.
  /// take_remark() returns it once, and frees what only the handshake needed.
  struct Remark {
    std::string kind;      ///< one of few kinds
    std::string sentence;  ///< empty: no remark
  };
  virtual Remark take_remark() = 0;
  /// The negotiated protocol; empty if the client has named none. [RFC 7301]
  virtual std::string_view protocol() const = 0;
  /// Whether the client has resumed with a ticket.
  virtual bool is_resumed() const = 0;
  /// The subject of the client's verified certificate, in the form of RFC 2253; empty without a certificate.
  virtual const std::string& client_subject() const = 0;
  /// OpenSSL's object, for programs that use OpenSSL; a worker may read it while it handles the request.
  virtual ssl_st* native() const = 0;

  // Bytes ------------------------------------------------------------------------------------------------------------

  /// Returns the bytes read; 0 if the client has ended its input; a negated errno, -EAGAIN if no bytes are there.
  virtual ssize_t read(char* data, std::size_t size) = 0;
  /// Whether it holds bytes read from the socket, which the socket does not report again.
  virtual bool has_pending_input() const = 0;

  /// Seals and sends as much as the socket takes, and keeps at most one more record. Returns the bytes taken; a negated
  /// errno on failure. Without buffers it sends what it keeps.
  virtual ssize_t write(std::span<const iovec> buffers) = 0;

  struct Sealed {
    std::size_t plain = 0;    ///< plain bytes taken
    std::string_view record;  ///< the bytes to send, in the arena
  };
  /// Seals one record of `bytes` and appends it to `arena`, whose capacity must have room for kMaxSealedBytes more.
  /// Returns an empty record if sealed bytes are unsent. settle() must follow before any other call.
  virtual Sealed seal(std::string_view bytes, std::string& arena) = 0;
  /// Takes the system's result of sending `record`: bytes that the socket has taken, or a negated errno. Returns false
  /// if the connection is broken.
  virtual bool settle(std::string_view record, ssize_t result) = 0;

  /// Whether it keeps sealed bytes that the socket has not taken: call write() when the socket takes more.
  virtual bool has_unsent() const = 0;

  /// Sends the end of output to the client, if the socket takes it at once.
  virtual void say_goodbye() = 0;
};

}  // namespace millrace
