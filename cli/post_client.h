// PostClient: POST requests to one URL, one after the other, over HTTP/1.1 or HTTP/2 by libcurl.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "millrace/client/options.h"
#include "millrace/client/url.h"
#include "tls.h"

using CURL = void;
struct curl_slist;

namespace millrace::cli {

/// A server that accepts no byte and sends none for this long does not answer.
inline constexpr std::chrono::seconds kAnswerTimeout{30};

/// Longest answer; a longer one is an error.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{1} << 20;

class PostClient {
 public:
  struct Answer {
    int status = 0;
    std::string body;
  };

  /// Over https:// the server chooses HTTP/2 if it speaks it (ALPN). `http2_prior_knowledge`: HTTP/2 with http://, too.
  PostClient(Url url, const HttpHeaders& headers, const TlsClientOptions& tls, bool http2_prior_knowledge);
  ~PostClient();
  PostClient(const PostClient&) = delete;
  PostClient& operator=(const PostClient&) = delete;

  /// Sends `body` and returns the answer, whatever its status. Connections are kept for the next request. A request is
  /// sent once: if the connection breaks before the answer, the server may have handled it or not. Throws
  /// std::runtime_error with the reason if there is no answer.
  Answer post(const std::string& body);

  const Url& url() const { return url_; }

 private:
  struct Free {
    void operator()(CURL* handle) const;
    void operator()(curl_slist* list) const;
  };

  enum class Way : std::uint8_t { kConnect, kJoin };

  int perform(Way way);
  static std::size_t receive(char* bytes, std::size_t, std::size_t size, void* self);
  static int before_sending(void* self, char*, char*, int, int);
  std::string reason(int code) const;

  const Url url_;
  const bool http2_prior_knowledge_;
  std::unique_ptr<curl_slist, Free> headers_;
  std::unique_ptr<CURL, Free> handle_;
  Answer answer_;
  int sent_ = 0;                   // how often this request has been sent
  bool has_connection_ = false;    // the last request has left one
  bool is_joining_ = false;        // this request may only use that one,
  bool needs_connection_ = false;  // which is gone
  std::string details_;
};

}  // namespace millrace::cli
