#include "curl_exchange.h"

#include <strings.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "clock.h"
#include "millrace/client/limits.h"
#include "request_headers.h"

namespace millrace {

namespace {

void check_ca_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.find("-----BEGIN ") == std::string::npos) {
    throw std::invalid_argument("tls.ca_file \"" + path + "\": cannot read it as PEM certificates");
  }
}

void check_proxy(const std::string& proxy) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  char* scheme = nullptr;
  bool known = url && curl_url_set(url.get(), CURLUPART_URL, proxy.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
               curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  if (known) {
    constexpr std::string_view kSchemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
    known = std::find(std::begin(kSchemes), std::end(kSchemes), scheme) != std::end(kSchemes);
    curl_free(scheme);
  }
  // The message does not repeat the proxy: it may contain a password.
  if (!known) throw std::invalid_argument("proxy: expected http(s)://host:port or socks5://host:port");
}

long clamp_to_long(Duration duration) {
  return static_cast<long>(std::min<Duration::rep>(duration.count(), std::numeric_limits<long>::max()));
}

void remove_headers(HttpHeaders& headers, std::initializer_list<const char*> names) {
  std::erase_if(headers, [&](const auto& header) {
    return std::any_of(names.begin(), names.end(),
                       [&](const char* name) { return strcasecmp(name, header.first.c_str()) == 0; });
  });
}

// What a redirect changes in the request. [Fetch 4.4, HTTP-redirect fetch]
void change_for_redirect(TransportRequest& request, int status, bool same_origin) {
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

CurlExchange::CurlExchange(const EventSourceOptions& options, std::size_t buffer_bytes, ResponseReceiver& receiver,
                           void* owner)
    : options_(options), buffer_bytes_(buffer_bytes), receiver_(receiver), owner_(owner), hosts_(options) {
  if (!options.tls.ca_file.empty()) check_ca_file(options.tls.ca_file);
  if (options.proxy && !options.proxy->empty()) check_proxy(*options.proxy);
}

CurlExchange::~CurlExchange() {
  stop();
}

void* CurlExchange::owner_of(CURL* easy) {
  void* owner = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
  return owner;
}

void CurlExchange::start(CurlMulti& transfers, const Url& url, TransportRequest request, bool reuse) {
  transfers_ = &transfers;
  request_ = std::move(request);
  url_ = url;
  reuse_ = reuse;
  may_authenticate_ = true;
  redirects_ = 0;
  begin();
}

void CurlExchange::begin() {
  needs_connection_ = false;
  connect_deadline_ = now() + std::min(options_.connect_timeout, kMaxReconnectionTime);
  hosts_.begin(url_);
  send();
}

void CurlExchange::send() {
  head_ = {};
  location_.reset();
  head_bytes_ = 0;
  in_head_ = true;
  redirecting_ = handed_over_ = stopped_ = false;
  explanation_deadline_.reset();
  body_.clear();
  taken_ = 0;
  waiting_ = {};
  is_paused_ = is_restless_ = false;
  violation_.clear();
  error_text_[0] = '\0';

  if (!easy_) easy_.reset(curl_easy_init());
  if (!easy_) throw std::bad_alloc();
  curl_easy_reset(easy_.get());
  set_options();
  set_request();
  set_headers();
  hosts_.prepare(easy_.get());
  joining_ = joins_by_prior_knowledge();
  transfers_->add(easy_.get());
}

// libcurl 7.88 cannot put a request with prior knowledge on a connection that exists. One without it can go there, and
// must not make a connection.
bool CurlExchange::joins_by_prior_knowledge() const {
  return options_.http2_prior_knowledge && !url_.https && reuse_ && !needs_connection_;
}

void CurlExchange::set_options() {
  CURL* const easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_PRIVATE, owner_);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, static_cast<long>(buffer_bytes_));
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, clamp_to_long(std::max(connect_deadline_ - now(), Duration{1})));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, reuse_ && !needs_connection_ ? 0L : 1L);
  // A ConnectionGate decides which streams wait for a connection that is being made.
  if (options_.http2_prior_knowledge) {
    curl_easy_setopt(
        easy, CURLOPT_HTTP_VERSION,
        static_cast<long>(joins_by_prior_knowledge() ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  }
  curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);  // ContentDecoder does it
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (options_.proxy) curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy->c_str());
  if (!options_.tls.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.tls.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, options_.tls.ca_file.c_str());
  }
  for (const CURLoption option : {CURLOPT_SSLVERSION, CURLOPT_PROXY_SSLVERSION}) {
    curl_easy_setopt(easy, option, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  }
  if (!options_.tls.verify) {
    for (const CURLoption option :
         {CURLOPT_SSL_VERIFYPEER, CURLOPT_SSL_VERIFYHOST, CURLOPT_PROXY_SSL_VERIFYPEER, CURLOPT_PROXY_SSL_VERIFYHOST}) {
      curl_easy_setopt(easy, option, 0L);
    }
  }
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlExchange::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlExchange::on_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlExchange::on_connecting);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &CurlExchange::on_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &CurlExchange::on_run);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
}

void CurlExchange::set_request() {
  CURL* const easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_URL, url_.text().c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  if (request_.method == "POST" || !request_.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());  // not copied: request_ stays
  }
  if (request_.method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (options_.basic && may_authenticate_) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, options_.basic->user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, options_.basic->password.c_str());
  }
}

void CurlExchange::set_headers() {
  std::unique_ptr<curl_slist, FreeList> list;
  const auto add = [&list](const std::string& line) {
    curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    [[maybe_unused]] const auto* const same = list.release();
    list.reset(longer);
  };
  for (const auto& [name, value] : request_.headers) {
    const bool is_empty = value.find_first_not_of(" \t") == std::string::npos;
    std::string line = name;
    line += is_empty ? ";" : ": " + value;  // libcurl sends an empty value for `;`
    add(line);
  }
  add("Expect:");  // never wait for a `100 Continue`
  const bool has_type = std::any_of(request_.headers.begin(), request_.headers.end(), [](const auto& header) {
    return strcasecmp(header.first.c_str(), "Content-Type") == 0;
  });
  if (!has_type) add(request_.body.empty() ? "Content-Type:" : "Content-Type: text/plain");
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, list.get());
  header_list_ = std::move(list);
}

void CurlExchange::stop() {
  if (transfers_ == nullptr) return;
  if (!hosts_.stop()) {
    // libcurl 8.14 would keep a connection that has had no answer, and not use it for another request.
    if (head_.status == 0) curl_easy_setopt(easy_.get(), CURLOPT_FORBID_REUSE, 1L);
    transfers_->remove(easy_.get());
  }
  transfers_ = nullptr;
  is_restless_ = false;
  explanation_deadline_.reset();
}

std::optional<TransportResult> CurlExchange::finish(CURLcode code) {
  CurlMulti& transfers = *transfers_;
  stop();
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  if (hosts_.is_wanted()) {
    const auto state = hosts_.look_up(easy_.get(), code, transfers, [this] { receiver_.look_after_at(*deadline()); });
    return go_on(state, transfers);
  }
  if (std::exchange(joining_, false) && needs_connection_) {
    transfers_ = &transfers;
    send();
    return std::nullopt;
  }
  if (redirecting_) {
    try {
      follow();
    } catch (const std::invalid_argument& error) {
      return TransportResult{.problem = error.what()};
    }
    transfers_ = &transfers;
    begin();
    return std::nullopt;
  }
  if (stopped_) return std::nullopt;
  if (!in_head_ && !handed_over_ && violation_.empty()) {  // a refusal and its explanation have ended
    hand_over_head();
    return std::nullopt;
  }
  if (code == CURLE_OK && handed_over_) return TransportResult{.whole = true};
  return TransportResult{.problem = problem(code)};
}

void CurlExchange::follow() {
  if (++redirects_ > kMaxRedirects) {
    throw std::invalid_argument("the server redirects more than " + std::to_string(kMaxRedirects) + " times");
  }
  Url next;
  try {
    next = url_.resolve(*location_);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("the server redirects to an invalid URL: ") + error.what());
  }
  const bool same_origin = next.origin() == url_.origin();
  change_for_redirect(request_, head_.status, same_origin);
  may_authenticate_ = may_authenticate_ && same_origin;
  url_ = std::move(next);
}

void CurlExchange::cut_if_silent_for(Duration time) {
  if (transfers_ == nullptr || !is_http2_) return;
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &socket);
  if (socket != CURL_SOCKET_BAD) transfers_->cut_if_silent_for(static_cast<int>(socket), time);
}

void CurlExchange::resume() {
  if (transfers_ == nullptr) return;
  is_paused_ = is_restless_ = false;
  curl_easy_pause(easy_.get(), CURLPAUSE_CONT);  // calls on_bytes(), which may pause again
  // With only one direction paused, libcurl 8.14 reads once more in its next run, and keeps the bytes: 64 MiB at most,
  // then the transfer fails.
  if (is_paused_) curl_easy_pause(easy_.get(), CURLPAUSE_ALL);
}

// libcurl 8.14 runs a paused transfer without end if the body is complete and its socket has more to read. The
// direction that is not paused makes it drop what it wants to do.
void CurlExchange::calm() {
  if (std::exchange(is_restless_, false)) curl_easy_pause(easy_.get(), CURLPAUSE_RECV);
}

// Handles the result of a lookup's step.
std::optional<TransportResult> CurlExchange::go_on(HostLookups::State state, CurlMulti& transfers) {
  transfers_ = state == HostLookups::State::kFailed ? nullptr : &transfers;
  if (transfers_ == nullptr) return TransportResult{.problem = problem(hosts_.failure())};
  if (state == HostLookups::State::kDone) send();
  return std::nullopt;
}

std::optional<TimePoint> CurlExchange::deadline() const {
  if (is_restless_) return TimePoint{};
  return hosts_.active() ? std::min(hosts_.deadline(), connect_deadline_) : explanation_deadline_;
}

std::optional<TransportResult> CurlExchange::handle_timeout(TimePoint now) {
  calm();
  if (hosts_.active()) return go_on(hosts_.handle_timeout(now >= connect_deadline_), *transfers_);
  if (!explanation_deadline_ || now < *explanation_deadline_) return std::nullopt;
  stop();
  hand_over_head();
  return std::nullopt;
}

}  // namespace millrace
