#include "httplib_bridge.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "../loop/event_loop.h"
#include "body_guard.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "peer_address.h"

namespace millrace {

namespace {

// Response bytes that wait for more before they are sent.
constexpr std::size_t kFlushBytes = 64 * 1024;

bool wait_for(int socket, short events, Duration timeout) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(std::min<Duration::rep>(timeout.count(), INT32_MAX)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// The status in the line a response begins with, such as `HTTP/1.1 200 OK`.
int status_in(std::string_view head) {
  constexpr std::size_t kBegin = std::string_view("HTTP/1.1 ").size();
  int status = 0;
  if (head.size() > kBegin) std::from_chars(head.data() + kBegin, head.data() + head.size(), status);
  return status;
}

}  // namespace

// The request comes out of the exchange's memory, then off the socket, and ends where its framing says. The response is
// collected, so that head and body leave in one packet.
class ExchangeStream final : public httplib::Stream {
 public:
  ExchangeStream(Exchange& exchange, Duration read_timeout, Duration body_deadline, Duration write_timeout,
                 std::uint64_t max_chunked_bytes, DownloadGate& downloads)
      : exchange_(exchange),
        downloads_(downloads),
        read_timeout_(read_timeout),
        body_deadline_(body_deadline),
        write_timeout_(write_timeout),
        guard_(exchange.head, max_chunked_bytes) {
    const std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max() - exchange.head.bytes;
    request_bytes_ = exchange.head.bytes + (exchange.head.chunked ? unlimited : exchange.head.content_length);
  }

  bool is_readable() const override {
    return consumed_ < exchange_.input.size() || wait_for(exchange_.socket, POLLIN, read_timeout_);
  }
  bool is_writable() const override { return !failed_ && wait_for(exchange_.socket, POLLOUT, write_timeout_); }
  socket_t socket() const override { return exchange_.socket; }

  ssize_t read(char* data, std::size_t size) override {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, request_bytes_ - consumed_));
    if (size == 0) return 0;
    const std::string& input = exchange_.input;
    if (consumed_ < input.size()) {
      size = std::min(size, input.size() - static_cast<std::size_t>(consumed_));
      std::memcpy(data, input.data() + consumed_, size);
      return take(data, static_cast<ssize_t>(size));
    }
    if (exchange_.taken) return -1;  // the connection is the loop's again
    while (wait_for_input()) {
      const ssize_t count = ::recv(exchange_.socket, data, size, MSG_DONTWAIT);
      if (count >= 0) return take(data, count);
      if (errno != EINTR && errno != EAGAIN) return -1;
    }
    return -1;
  }

  ssize_t write(const char* data, std::size_t size) override {
    if (exchange_.taken) return static_cast<ssize_t>(size);  // nobody hears cpp-httplib's own response
    if (failed_) return -1;
    const std::string_view bytes(data, size);
    exchange_.output.append(bytes);
    // The head comes first, perhaps behind an interim response. Without a length the body is made as it goes, and each
    // piece is wanted at once.
    if (!has_written_ && status_in(bytes) < 200) {
      flush(0);
    } else if (!std::exchange(has_written_, true)) {
      sends_at_once_ = bytes.find("\r\nContent-Length: ") == std::string_view::npos;
      ends_with_connection_ = sends_at_once_ && bytes.find("\r\nTransfer-Encoding: ") == std::string_view::npos;
      exchange_.status = status_in(bytes);
    }
    if (sends_at_once_) {
      flush(0);
    } else if (exchange_.output.size() >= kFlushBytes) {
      flush(kMaxBufferedResponseBytes);
    }
    return failed_ ? -1 : static_cast<ssize_t>(size);
  }

  // Sends what has been collected. Waits until no more than `may_stay` bytes of it are left.
  void flush(std::size_t may_stay) {
    std::string& output = exchange_.output;
    std::size_t sent = 0;
    while (sent < output.size() && !failed_) {
      const ssize_t count =
          ::send(exchange_.socket, output.data() + sent, output.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0) {
        sent += static_cast<std::size_t>(count);
        sent_ += static_cast<std::uint64_t>(count);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (output.size() - sent <= may_stay) break;
        failed_ = !wait_for_room();
      } else if (errno != EINTR) {
        failed_ = true;
      }
    }
    output.erase(0, sent);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override { address_of(::getpeername, ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { address_of(::getsockname, ip, port); }

  bool failed() const { return failed_; }
  /// Nothing but the end of the connection tells the client where the response ends. [RFC 9112 6.3]
  bool ends_with_connection() const { return ends_with_connection_; }
  std::uint64_t consumed() const { return consumed_; }
  bool has_body_ahead() const {
    const RequestHead& head = exchange_.head;
    if (head.chunked) return consumed_ <= head.bytes;
    return std::max<std::uint64_t>(consumed_, exchange_.input.size()) < head.bytes + head.content_length;
  }

 private:
  // What has been read, if it may go on to cpp-httplib.
  ssize_t take(const char* data, ssize_t count) {
    const auto bytes = static_cast<std::uint64_t>(count);
    const std::uint64_t of_head =
        std::min(bytes, exchange_.head.bytes - std::min<std::uint64_t>(exchange_.head.bytes, consumed_));
    consumed_ += bytes;
    return guard_.admits({data + of_head, static_cast<std::size_t>(bytes - of_head)}) ? count : -1;
  }

  // Only the waiting counts: a handler may take its time. Who sends a byte now and then shall not hold a worker.
  bool wait_for_input() {
    const auto earned = static_cast<Duration::rep>(consumed_ * 1000 / kMinUploadBytesPerSecond);
    const Duration left = body_deadline_ + Duration{earned} - waited_;
    const TimePoint before = monotonic_now();
    const bool ready = left > Duration{0} && wait_for(exchange_.socket, POLLIN, std::min(read_timeout_, left));
    waited_ += monotonic_now() - before;
    exchange_.too_slow = exchange_.too_slow || !ready;
    return ready;
  }

  // The same for who takes a byte now and then.
  bool wait_for_room() {
    const auto earned = static_cast<Duration::rep>(sent_ * 1000 / kMinDownloadBytesPerSecond);
    const Duration left = body_deadline_ + Duration{earned} - waited_for_room_;
    const TimePoint before = monotonic_now();
    bool ready = false;
    if (left > Duration{0}) {
      const DownloadGate::Waiting waiting(downloads_, exchange_.socket, sent_, waited_for_room_, before);
      ready = wait_for(exchange_.socket, POLLOUT, std::min(write_timeout_, left));
    }
    waited_for_room_ += monotonic_now() - before;
    if (!ready) downloads_.count_cut();
    return ready;
  }

  void address_of(int (*ask)(int, sockaddr*, socklen_t*), std::string& ip, int& port) const {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (ask(exchange_.socket, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
      numeric_address(address, length, ip, port);
    }
  }

  Exchange& exchange_;
  DownloadGate& downloads_;
  Duration read_timeout_;
  Duration body_deadline_;
  Duration write_timeout_;
  BodyGuard guard_;
  Duration waited_{0};           // for the body
  std::uint64_t request_bytes_;  // the request's length, as far as it is known
  std::uint64_t consumed_ = 0;
  Duration waited_for_room_{0};  // for the response
  std::uint64_t sent_ = 0;       // of the response
  bool has_written_ = false;
  bool sends_at_once_ = false;
  bool ends_with_connection_ = false;
  bool failed_ = false;
};

namespace {

// Rides in a member of httplib::Request that only clients use, from setup_request to the handler.
struct ExchangeReference {
  Exchange* exchange;
  const ExchangeStream* stream;
  bool operator()(const httplib::Response&) const { return true; }
};

const ExchangeReference& reference_in(const httplib::Request& request) {
  const auto* reference = request.response_handler.target<ExchangeReference>();
  if (reference == nullptr) throw std::logic_error("millrace: this request is not being handled by a millrace::Server");
  return *reference;
}

}  // namespace

HttplibBridge::HttplibBridge(ProcessRequest process_request, Duration read_timeout, Duration body_deadline,
                             Duration write_timeout, std::uint64_t max_chunked_bytes, DownloadGate& downloads)
    : process_request_(std::move(process_request)),
      read_timeout_(read_timeout),
      body_deadline_(body_deadline),
      write_timeout_(write_timeout),
      max_chunked_bytes_(max_chunked_bytes),
      downloads_(downloads) {}

void HttplibBridge::serve(Exchange& exchange) const {
  ExchangeStream stream(exchange, read_timeout_, body_deadline_, write_timeout_, max_chunked_bytes_, downloads_);
  bool connection_closed = false;
  // Of a body that comes in chunks the end is not known: the client is told that no other request can follow.
  const bool last_request = exchange.last_request || exchange.head.chunked;
  const bool served = process_request_(stream, last_request, connection_closed,
                                       [&](httplib::Request& request) { attach(request, exchange, &stream); });
  if (exchange.taken) return;
  // What the client does not take at once the loop goes on with, where there is room for it; else the worker waits.
  stream.flush(std::numeric_limits<std::size_t>::max());
  if (!exchange.share.resize(exchange.output.size())) stream.flush(0);
  // A body that was not asked for is passed over if it is here.
  const std::uint64_t request_bytes = exchange.head.bytes + exchange.head.content_length;
  const bool passed_over = stream.consumed() == request_bytes || request_bytes <= exchange.input.size();
  exchange.consumed = static_cast<std::size_t>(std::min<std::uint64_t>(request_bytes, exchange.input.size()));
  exchange.keep_alive = served && !connection_closed && !last_request && !stream.failed() &&
                        !stream.ends_with_connection() && passed_over;
}

void HttplibBridge::attach(httplib::Request& request, Exchange& exchange, const ExchangeStream* stream) {
  request.response_handler = ExchangeReference{&exchange, stream};
  if (exchange.head.last_event_id.empty()) return;
  // cpp-httplib percent-decodes header values; an ID is to be had as it was sent.
  const std::string name(protocol::kLastEventIdHeader);
  request.headers.erase(name);
  request.headers.emplace(name, exchange.head.last_event_id);
}

Exchange& HttplibBridge::exchange_of(const httplib::Request& request) {
  return *reference_in(request).exchange;
}

std::string HttplibBridge::take_response(const httplib::Request& request, const httplib::Response& response) {
  const auto& [exchange, stream] = reference_in(request);
  if (exchange->taken) throw std::logic_error("millrace: the response is an event stream already");
  if (stream != nullptr && stream->has_body_ahead()) {
    throw std::logic_error("millrace: read the request's body before the response becomes an event stream");
  }
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (const auto& [name, value] : response.headers) head.append(name).append(": ").append(value).append("\r\n");
  head.append(exchange->head.http_1_0 ? "Connection: close\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n");
  exchange->taken = true;
  return head;
}

}  // namespace millrace
