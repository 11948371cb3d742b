// ResponseStream: a ClientConnection as cpp-httplib wants to read and write it, made safe for what a server may send.
//
// cpp-httplib reads lines byte by byte into strings without bound, matches the status line with a recursive regular
// expression, and percent-decodes header values. So lines and the head have limits here, and within the head each `%`
// is handed out as `%25`: what cpp-httplib then decodes is what the server sent.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>
#include <vector>

#include "client_connection.h"

namespace millrace {

class ResponseStream final : public httplib::Stream {
 public:
  explicit ResponseStream(ClientConnection& connection) : connection_(connection), buffer_(kBufferBytes) {}

  bool is_readable() const override { return true; }  // read() waits by itself
  bool is_writable() const override { return true; }
  ssize_t read(char* out, size_t size) override;
  ssize_t write(const char* data, size_t size) override { return connection_.write(data, size); }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return connection_.fd(); }

  /// The head has been read: what follows is content.
  void end_head() { in_head_ = false; }

  /// Which limit the response broke, if it did.
  const std::string& violation() const { return violation_; }

 private:
  static constexpr std::size_t kBufferBytes = 16 * 1024;

  bool fill();
  ssize_t read_line_byte(char* out);
  ssize_t refuse(std::string violation);

  ClientConnection& connection_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  ssize_t fill_result_ = 0;

  bool in_head_ = true;
  bool in_status_line_ = true;
  std::size_t head_bytes_ = 0;
  std::size_t line_bytes_ = 0;
  std::string_view escape_;  // what is left to hand out of a "25"
  std::string violation_;
};

}  // namespace millrace
