// Http2Session: the client's end of one HTTP/2 connection, without its socket, by nghttp2. [RFC 9113]
//
//   session.request(fields, body);
//   while (session.has_output()) …send session.output()…
//   session.receive(bytes);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace millrace::load {

/// What a response begins with.
struct Http2Head {
  int status = 0;
  std::string content_type;
  std::string content_encoding;
};

/// Gets what arrives. `stream`: the number that request() has returned.
class Http2Receiver {
 public:
  virtual ~Http2Receiver() = default;
  virtual void head(std::int32_t stream, const Http2Head& head) = 0;
  virtual void body(std::int32_t stream, std::string_view bytes) = 0;
  /// The response is over, in order or not; nothing more comes of this stream.
  virtual void end(std::int32_t stream) = 0;
};

class Http2Session {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// `receiver` must outlive it. Windows never delay what the server sends.
  explicit Http2Session(Http2Receiver& receiver);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  /// Begins a request; its frames become output. The pseudo-header fields come first. If the server allows no further
  /// stream, it waits for one to end. Returns the stream's number.
  std::int32_t request(const Fields& fields, std::string body = {});

  /// Returns the bytes to send, which may be empty. They are gone from the session.
  std::string_view output();

  /// Takes bytes from the server and calls the receiver. Returns false if the connection is of no more use.
  [[nodiscard]] bool receive(std::string_view bytes);

  /// Most requests at a time that the server allows; nothing before its settings have come.
  std::optional<std::size_t> max_streams() const;

 private:
  struct Callbacks;
  struct Free {
    void operator()(nghttp2_session* session) const;
  };
  struct Body {
    std::string bytes;
    std::size_t sent = 0;
  };

  // For the receiver, once nghttp2 has returned: it must not see an exception.
  struct Arrival {
    enum class Kind : std::uint8_t { kHead, kBody, kEnd };
    Kind kind;
    std::int32_t stream;
    std::string_view bytes = {};
    Http2Head head = {};
  };

  Http2Receiver& receiver_;
  std::vector<Arrival> arrivals_;
  std::unordered_map<std::int32_t, Http2Head> heads_;  // of responses whose head is incomplete
  std::unordered_map<std::int32_t, std::unique_ptr<Body>> bodies_;
  bool has_settings_ = false;  // of the server
  bool is_over_ = false;       // the server has announced the end of the connection
  std::unique_ptr<nghttp2_session, Free> session_;
};

/// The pseudo-header fields of a request.
Http2Session::Fields request_fields(std::string_view method, bool tls, const std::string& authority, std::string path);

}  // namespace millrace::load
