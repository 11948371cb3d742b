// RawClient: a TCP client that sends exact bytes and sees exact bytes. Whatever it waits for has a deadline, beyond
// which it throws, also if other bytes come all the time. To a port that speaks TLS it does so, too: then these are the
// bytes inside.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "test_tls.h"

namespace millrace::test {

struct RawResponse {
  int status = 0;
  std::string head;  ///< status line and fields, with the empty line
  std::string body;  ///< without its chunks

  /// The value of a field; empty if it is not there.
  std::string field(std::string_view name) const;
  /// How many fields of that name there are.
  std::size_t count(std::string_view name) const;
};

class RawClient {
 public:
  /// `receive_buffer`: bytes the system keeps for a client that does not read; 0: its default. `source`: the address it
  /// comes from, of 127.0.0.0/8.
  explicit RawClient(int port, int receive_buffer = 0, const std::string& source = {});
  /// By TLS as `wish` has it. Throws if the handshake fails.
  RawClient(int port, const TlsWish& wish, int receive_buffer = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&& other) noexcept;

  /// Sends everything; waits while the server does not read. False if the server has closed.
  bool send(std::string_view bytes) const;
  /// Sends what goes without waiting.
  std::size_t send_some(std::string_view bytes) const;

  /// Everything up to and including `delimiter`.
  std::string read_until(std::string_view delimiter);
  std::string read_exactly(std::size_t size);
  /// What there is, at least one byte; empty if the server has ended the connection.
  std::string read_some();
  /// Everything until the server ends the connection, by FIN or RST.
  std::string read_to_end();
  /// Whether the server ends the connection without another byte.
  bool is_at_end();

  /// A response as its head frames it. `has_body`: false for answers to HEAD.
  RawResponse read_response(bool has_body = true);
  RawResponse exchange(std::string_view request) {
    send(request);
    return read_response();
  }

  /// Whether there is something to read, or the server has ended the connection.
  bool has_input() const;

  void end_sending() const;
  void close();
  /// RST instead of FIN.
  void reset();
  int socket() const { return socket_; }
  /// Null where it is clear.
  TlsEnd* tls() const { return tls_.get(); }

 private:
  struct Clear {};
  RawClient(Clear, int port, int receive_buffer, const std::string& source);
  void shake_hands(const TlsWish& wish);
  bool send_plainly(std::string_view bytes) const;
  bool fill();
  std::string newest() const;

  int socket_;
  std::unique_ptr<TlsEnd> tls_;  // null: clear
  mutable std::string sealed_;   // to be sent
  std::string buffer_;           // read, and not yet handed out
};

std::string get(std::string_view target, std::string_view fields = {});
std::string post(std::string_view target, std::string_view body, std::string_view fields = {});

}  // namespace millrace::test
