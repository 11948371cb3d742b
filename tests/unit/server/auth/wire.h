// Wire: one real connection to a server under test, as raw bytes.
#pragma once

#include <string>
#include <string_view>

namespace millrace::testing {

class Wire {
 public:
  /// Connects to 127.0.0.1, from `source` if it is not empty. Throws std::system_error if that fails.
  explicit Wire(int port, const std::string& source = {});
  ~Wire();
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&&) = delete;

  /// False if the other end is gone.
  bool send(std::string_view bytes);

  /// Everything read so far, once it holds `wanted` behind what earlier calls have waited for, or the other end has
  /// closed. A test failure if neither comes within 20 s.
  const std::string& read_until(std::string_view wanted);

  /// Whether there is something to read, or the other end has closed.
  bool has_input() const;

  /// Everything, once the other end has closed.
  const std::string& read_to_end();

 private:
  int fd_;
  std::string received_;
  std::size_t searched_ = 0;
};

/// A request's bytes; `headers` are whole lines, each with its CRLF.
std::string request(std::string_view method, std::string_view target, std::string_view headers = {},
                    std::string_view body = {});

/// The response to a request on a connection of its own: its head, and what came of the body with it.
std::string ask(int port, const std::string& request_bytes);

int status_of(std::string_view response);

/// The value of a header line, as it was sent; empty if there is none.
std::string header_of(std::string_view response, std::string_view name);

}  // namespace millrace::testing
