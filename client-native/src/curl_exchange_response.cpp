// How an exchange receives its response from libcurl, and what it says of a failure.
#include <strings.h>

#include <system_error>

#include "clock.h"
#include "curl_exchange.h"
#include "explanation.h"
#include "millrace/client/limits.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// A paused transfer has a few runs, when its socket and timers are changed.
constexpr std::uint64_t kMaxRunsWhilePaused = 8;

// CURLE_TOO_LARGE, which headers before libcurl 8.6 do not have: a line of the head is over libcurl's own limit.
constexpr int kTooLarge = 100;

std::string too_large_a_head() {
  return "the response's head is larger than " + std::to_string(kMaxResponseHeadBytes) + " bytes";
}

std::string peer_name(const Url& url) {
  return (url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]") + ":" + std::to_string(url.port);
}

}  // namespace

bool CurlExchange::receive_header(std::string_view line) {
  head_bytes_ += line.size();  // trailers, too: libcurl keeps them
  if (head_bytes_ > kMaxResponseHeadBytes) {
    violation_ = too_large_a_head();
    return false;
  }
  if (!in_head_) return true;
  if (line == "\r\n" || line == "\n") return end_head();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string name(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  const auto is = [&name](const char* other) { return strcasecmp(name.c_str(), other) == 0; };
  const auto add_to = [&value](std::string& values) { (values.empty() ? values : values += ", ") += value; };
  if (is("Content-Type")) add_to(head_.content_type);
  if (is("Content-Encoding")) add_to(head_.content_encoding);
  if (is(protocol::kHeartbeatHeader.data())) head_.heartbeat = value;
  if (is("Location")) location_ = value;
  if (is("Retry-After")) head_.retry_after = value;
  if (is("Date")) head_.date = value;
  if (is("Last-Event-ID")) head_.last_event_id = value;
  return true;
}

bool CurlExchange::end_head() {
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  long version = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_VERSION, &version);
  is_http2_ = version >= CURL_HTTP_VERSION_2_0;
  receiver_.head_arrived();
  if (status < 200) {  // such as `100 Continue`: another head follows
    head_ = {};
    location_.reset();
    return true;
  }
  in_head_ = false;
  head_.status = static_cast<int>(status);
  if (is_redirect(head_.status) && location_) {
    redirecting_ = true;
    return false;
  }
  const bool readable = decoder_.begin(head_.content_encoding);
  if (status == 200 && !readable) {
    violation_ = "the response's content coding \"" + one_line(head_.content_encoding) + "\" was not requested";
    return false;
  }
  if (status >= 400 && readable && may_explain(head_.content_type)) {
    explanation_deadline_ = now() + kRefusalTimeout;
    receiver_.look_after_at(*explanation_deadline_);
    return true;
  }
  return hand_over_head();
}

bool CurlExchange::hand_over_head() {
  explanation_deadline_.reset();
  handed_over_ = true;
  if (!body_.empty()) head_.explanation = explanation_in(head_.content_type, body_);
  stopped_ = !receiver_.receive_response(head_);
  return !stopped_;
}

// Returns the bytes taken, in libcurl's sense: all or none. If a part of a chunk must wait, libcurl passes the whole
// chunk again, perhaps with more after it.
std::size_t CurlExchange::receive_chunk(std::string_view chunk) {
  std::string_view rest = chunk.substr(taken_);
  while (true) {
    if (waiting_.empty()) {
      const auto piece = decoder_.next(rest);
      if (!piece) {
        violation_ = "cannot decode the response's content coding";
        return CURL_WRITEFUNC_ERROR;
      }
      if (piece->empty()) break;
      waiting_ = *piece;
    }
    const auto receipt = hand_over(waiting_);
    if (receipt == ResponseReceiver::Receipt::kLater) {
      if (decoder_.is_identity()) waiting_ = {};  // the chunk itself
      taken_ = decoder_.is_identity() ? 0 : chunk.size() - rest.size();
      is_paused_ = true;
      runs_while_paused_ = 0;
      return CURL_WRITEFUNC_PAUSE;
    }
    waiting_ = {};
    if (receipt == ResponseReceiver::Receipt::kNoMore) return CURL_WRITEFUNC_ERROR;
  }
  taken_ = 0;
  return chunk.size();
}

ResponseReceiver::Receipt CurlExchange::hand_over(std::string_view piece) {
  using Receipt = ResponseReceiver::Receipt;
  if (!handed_over_) {
    body_.append(piece.substr(0, kMaxRefusalBytes - body_.size()));
    return body_.size() < kMaxRefusalBytes || hand_over_head() ? Receipt::kTaken : Receipt::kNoMore;
  }
  const Receipt receipt = receiver_.receive_bytes(piece);
  stopped_ = stopped_ || receipt == Receipt::kNoMore;
  return receipt;
}

std::size_t CurlExchange::on_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  try {
    return exchange.receive_header({data, size}) ? size : CURL_WRITEFUNC_ERROR;
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t CurlExchange::on_bytes(char* data, std::size_t, std::size_t size, void* self) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  try {
    return exchange.receive_chunk({data, size});
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

curl_socket_t CurlExchange::on_connecting(void* self, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  try {
    exchange.receiver_.connecting();
  } catch (...) {
    exchange.thrown_ = std::current_exception();
    return CURL_SOCKET_BAD;
  }
  if (!exchange.joining_) return exchange.transfers_->open_socket(*address);
  exchange.needs_connection_ = true;
  return CURL_SOCKET_BAD;
}

int CurlExchange::on_request(void* self, char*, char*, int, int) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  exchange.transfers_->connected(exchange.easy_.get());
  long made = 0;
  curl_easy_getinfo(exchange.easy_.get(), CURLINFO_NUM_CONNECTS, &made);
  exchange.receiver_.connected(made > 0);
  return CURL_PREREQFUNC_OK;
}

// libcurl calls this in every run of the transfer.
int CurlExchange::on_run(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<CurlExchange*>(self);
  if (!exchange.is_paused_ || ++exchange.runs_while_paused_ != kMaxRunsWhilePaused) return 0;
  exchange.is_restless_ = true;
  exchange.receiver_.look_after_at(now());
  return 0;
}

// --- Error sentences -----------------------------------------------------------------------------------------------

std::string CurlExchange::problem(CURLcode code) const {
  if (!violation_.empty()) return violation_;
  long error = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
  std::string words = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  const std::string why = error != 0 ? std::system_category().message(static_cast<int>(error)) : words;
  const std::string peer = peer_name(url_);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "cannot find host \"" + url_.host + "\"";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "cannot find the proxy's host";
    case CURLE_COULDNT_CONNECT:
      return "cannot connect to " + peer + ": " + why;
    case CURLE_OPERATION_TIMEDOUT:
      return "no connection to " + peer + " within " + std::to_string(options_.connect_timeout.count()) + " ms";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return "no TLS session with " + peer + ": " + words;
    case CURLE_OUT_OF_MEMORY:  // also for a line of the head over libcurl's own limit, 100 KiB
      return in_head_ ? too_large_a_head() : words;
    case CURLE_OK:
    case CURLE_GOT_NOTHING:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "the server sent no HTTP response";
    case CURLE_PARTIAL_FILE:
      return "the response ended early";
    case CURLE_BAD_CONTENT_ENCODING:
      return "cannot decode the response's content coding";
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "the connection broke: " + why;
    default:
      return in_head_ && code == kTooLarge ? too_large_a_head() : words;
  }
}

}  // namespace millrace
