#include "httplib_transport.h"

#include <fcntl.h>
#include <httplib.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <stdexcept>

#include "client_connection.h"
#include "response_stream.h"

namespace millrace {

namespace {

using Ending = TransportResult::Ending;

// Seconds only; the header's other form, a date, would need the world's clock. [RFC 9110 10.2.3]
std::optional<Duration> parse_retry_after(const std::string& value) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (value.empty() || end != value.data() + value.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return kMaxReconnectionTime;
  return std::min<Duration>(std::chrono::seconds(seconds), kMaxReconnectionTime);
}

bool is_redirect(const httplib::Response& response) {
  const int status = response.status;
  return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
         response.has_header("Location");
}

// One request over one connection of ours. cpp-httplib makes sockets and streams in virtual functions; here they give
// ours.
class Exchange final : public httplib::ClientImpl {
 public:
  Exchange(const Url& url, const TlsContext* tls, Duration connect_timeout, ResponseReceiver& receiver,
           const Interrupt& interrupt)
      : ClientImpl(url.host, url.port),
        url_(url),
        tls_(tls),
        connect_timeout_(connect_timeout),
        receiver_(receiver),
        connection_(interrupt, receiver),
        stream_(connection_) {
    set_url_encode(false);
  }

  TransportResult perform(const TransportRequest& wanted) {
    httplib::Request request;
    request.method = wanted.method;
    request.path = url_.target;
    request.body = wanted.body;
    request.headers.emplace("Host", url_.authority());
    for (const auto& [name, value] : wanted.headers) request.headers.emplace(name, value);
    request.response_handler = [this](const httplib::Response& response) { return receive_head(response); };
    request.content_receiver = [this](const char* data, size_t size, uint64_t, uint64_t) {
      return receiver_.receive_bytes({data, size}) || stop();
    };

    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool complete = send(request, response, error);
    if (complete && !head_received_) receive_head(response);  // 204: it calls no handler where there is no content
    if (!redirect_.empty() || stopped_) return {Ending::kStopped};
    if (complete) return {Ending::kEndOfStream};
    if (!stream_.violation().empty()) return {Ending::kNetworkError, stream_.violation()};
    if (connection_.failure().ending != Ending::kEndOfStream) return connection_.failure();
    return {Ending::kNetworkError, head_received_ ? "the response broke off" : "the server sent no HTTP response"};
  }

  /// The Location to go to instead, if that is what the response said; the receiver has not seen it then.
  const std::string& redirect() const { return redirect_; }
  int status() const { return status_; }

 private:
  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    error = httplib::Error::Connection;
    if (!connection_.open(url_, tls_, connect_timeout_)) return false;
    // cpp-httplib closes what it is given, at times of its own; so it gets a descriptor of its own.
    socket.sock = fcntl(connection_.fd(), F_DUPFD_CLOEXEC, 0);
    if (socket.sock < 0) return false;
    error = httplib::Error::Success;
    return true;
  }

  bool process_socket(const Socket&, std::function<bool(httplib::Stream&)> callback) override {
    return callback(stream_);
  }

  bool receive_head(const httplib::Response& response) {
    head_received_ = true;
    stream_.end_head();
    status_ = response.status;
    if (is_redirect(response)) {
      redirect_ = response.get_header_value("Location");
      return false;
    }
    const std::string content_type = response.get_header_value("Content-Type");
    return receiver_.receive_response({.status = response.status,
                                       .content_type = content_type,
                                       .retry_after = parse_retry_after(response.get_header_value("Retry-After"))}) ||
           stop();
  }

  bool stop() {
    stopped_ = true;
    return false;
  }

  const Url& url_;
  const TlsContext* tls_;
  Duration connect_timeout_;
  ResponseReceiver& receiver_;
  ClientConnection connection_;
  ResponseStream stream_;
  std::string redirect_;
  int status_ = 0;
  bool head_received_ = false;
  bool stopped_ = false;
};

void remove_headers(HttpHeaders& headers, std::initializer_list<const char*> names) {
  std::erase_if(headers, [&](const auto& header) {
    return std::any_of(names.begin(), names.end(),
                       [&](const char* name) { return strcasecmp(name, header.first.c_str()) == 0; });
  });
}

// What a redirect changes in the request. [Fetch 4.4, HTTP-redirect fetch]
void follow(TransportRequest& request, int status, bool same_origin) {
  const bool becomes_get = ((status == 301 || status == 302) && request.method == "POST") ||
                           (status == 303 && request.method != "GET" && request.method != "HEAD");
  if (becomes_get) {
    request.method = "GET";
    request.body.clear();
    remove_headers(request.headers, {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"});
  }
  if (!same_origin) remove_headers(request.headers, {"Authorization", "Cookie", "Host"});
}

}  // namespace

HttplibTransport::HttplibTransport(const Url& url, const TlsOptions& tls, Duration connect_timeout)
    : url_(url), tls_(tls), connect_timeout_(connect_timeout) {
  if (url.https || !tls.ca_file.empty()) tls_context();
}

// Made when first needed: reading the system's certificates takes a while.
const TlsContext& HttplibTransport::tls_context() {
  if (!tls_context_) tls_context_.emplace(tls_);
  return *tls_context_;
}

TransportResult HttplibTransport::exchange(TransportRequest request, ResponseReceiver& receiver,
                                           const Interrupt& interrupt) {
  Url url = url_;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    Exchange exchange(url, url.https ? &tls_context() : nullptr, connect_timeout_, receiver, interrupt);
    TransportResult result = exchange.perform(request);
    if (exchange.redirect().empty()) return result;
    try {
      Url next = url.resolve(exchange.redirect());
      follow(request, exchange.status(), next.origin() == url.origin());
      url = std::move(next);  // the exchange refers to url and has ended
    } catch (const std::invalid_argument& error) {
      return {Ending::kNetworkError, std::string("the server redirects to where nothing can be: ") + error.what()};
    }
  }
  return {Ending::kNetworkError, "the server redirects more than " + std::to_string(kMaxRedirects) + " times"};
}

}  // namespace millrace
