#include "post_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "millrace/client/limits.h"

namespace millrace::cli {

namespace {

curl_slist* with(curl_slist* list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list, line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  return longer;
}

}  // namespace

void PostClient::Free::operator()(CURL* handle) const {
  curl_easy_cleanup(handle);
}
void PostClient::Free::operator()(curl_slist* list) const {
  curl_slist_free_all(list);
}

PostClient::PostClient(Url url, const HttpHeaders& headers, const TlsClientOptions& tls, bool http2_prior_knowledge)
    : url_(std::move(url)),
      http2_prior_knowledge_(http2_prior_knowledge && !url_.https),
      handle_(curl_easy_init()),
      details_(CURL_ERROR_SIZE, '\0') {
  if (handle_ == nullptr) throw std::bad_alloc();
  const auto add = [this](const std::string& line) { headers_.reset(with(headers_.release(), line)); };
  const auto is_type = [](const auto& header) { return strcasecmp(header.first.c_str(), "Content-Type") == 0; };
  if (std::none_of(headers.begin(), headers.end(), is_type)) add("Content-Type: application/json");
  add("Expect:");  // never wait for a `100 Continue`
  for (const auto& [name, value] : headers) add(name + (value.empty() ? ";" : ": " + value));

  CURL* const handle = handle_.get();
  curl_easy_setopt(handle, CURLOPT_URL, url_.text().c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, details_.data());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(Duration(kConnectTimeout).count()));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes a second
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(kAnswerTimeout.count()));
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!tls.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (tls.insecure) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &PostClient::receive);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &PostClient::before_sending);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
}

PostClient::~PostClient() = default;

PostClient::Answer PostClient::post(const std::string& body) {
  curl_easy_setopt(handle_.get(), CURLOPT_POST, 1L);
  curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle_.get(), CURLOPT_POSTFIELDS, body.data());
  int code = http2_prior_knowledge_ && has_connection_ ? perform(Way::kJoin) : perform(Way::kConnect);
  if (needs_connection_) code = perform(Way::kConnect);
  has_connection_ = code == CURLE_OK;
  if (code != CURLE_OK) throw std::runtime_error("cannot reach " + url_.origin() + ": " + reason(code));
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  answer_.status = static_cast<int>(status);
  return std::move(answer_);
}

// libcurl 7.88 cannot send a request with prior knowledge on a connection that exists. One without it can go there, and
// must not make a connection.
int PostClient::perform(Way way) {
  answer_ = {};
  sent_ = 0;
  details_[0] = '\0';
  is_joining_ = way == Way::kJoin;
  needs_connection_ = false;
  if (http2_prior_knowledge_) {
    curl_easy_setopt(handle_.get(), CURLOPT_HTTP_VERSION,
                     static_cast<long>(is_joining_ ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
    curl_easy_setopt(handle_.get(), CURLOPT_FRESH_CONNECT, is_joining_ ? 0L : 1L);
  }
  return curl_easy_perform(handle_.get());
}

std::size_t PostClient::receive(char* bytes, std::size_t, std::size_t size, void* self) {
  auto& body = static_cast<PostClient*>(self)->answer_.body;
  if (body.size() + size > kMaxAnswerBytes) return CURL_WRITEFUNC_ERROR;
  body.append(bytes, size);
  return size;
}

// libcurl would send a request again, on a new connection, if a kept one breaks before the answer. The server may have
// handled it: the event would be published twice.
int PostClient::before_sending(void* self, char*, char*, int, int) {
  auto& client = *static_cast<PostClient*>(self);
  long connections = 0;  // made for this request
  curl_easy_getinfo(client.handle_.get(), CURLINFO_NUM_CONNECTS, &connections);
  client.needs_connection_ = client.is_joining_ && client.sent_ == 0 && connections > 0;
  if (client.needs_connection_) return CURL_PREREQFUNC_ABORT;
  return ++client.sent_ > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::string PostClient::reason(int code) const {
  const std::string none =
      http2_prior_knowledge_ ? "the server sent no answer in HTTP/2; without --http2-prior-knowledge, HTTP/1.1 is used"
                             : "the server sent no answer";
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return "no server answers there";
    case CURLE_COULDNT_RESOLVE_HOST:
      return "the host \"" + url_.host + "\" is not found";
    case CURLE_OPERATION_TIMEDOUT:
      return sent_ > 0 ? none + " in time" : "no server answers there in time";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "the server's certificate is not accepted";
    case CURLE_SSL_CACERT_BADFILE:
      return "--cacert: cannot read it as PEM certificates";
    case CURLE_WRITE_ERROR:
      return "the answer is larger than " + std::to_string(kMaxAnswerBytes) + " bytes";
    case CURLE_ABORTED_BY_CALLBACK:
      return "the connection broke before the answer; the event may be published";
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9
    case CURLE_WEIRD_SERVER_REPLY:
      return none;
    default:
      return details_[0] != '\0' ? details_.c_str() : curl_easy_strerror(static_cast<CURLcode>(code));
  }
}

}  // namespace millrace::cli
