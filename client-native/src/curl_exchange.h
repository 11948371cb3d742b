// CurlExchange: one request and its whole response, redirects included. [Fetch 4.3, 4.4]
//
// It belongs to the thread of its CurlMulti and serves one request after the other. An exception of the receiver cannot
// pass through libcurl: finish() throws it.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "content_decoder.h"
#include "curl_multi.h"
#include "host_lookups.h"
#include "millrace/client/url.h"
#include "transport.h"

namespace millrace {

class CurlExchange {
 public:
  /// `options` must outlive it; owner_of() returns `owner`. Throws std::invalid_argument if the CA file cannot be read
  /// or the proxy is invalid.
  CurlExchange(const EventSourceOptions& options, std::size_t buffer_bytes, ResponseReceiver& receiver, void* owner);
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  static void* owner_of(CURL* easy);

  /// Whether the last response came over HTTP/2: its connection may have other streams.
  bool is_http2() const { return is_http2_; }
  /// Whether the current request has been redirected.
  bool has_left_origin() const { return redirects_ > 0; }
  /// Ends the connection, and so all its streams, if nothing has come on it for this long.
  void cut_if_silent_for(Duration time);

  /// Sends the request over a new connection. If `reuse` is true, the connection may have served before.
  void start(CurlMulti& transfers, const Url& url, TransportRequest request, bool reuse);
  bool active() const { return transfers_ != nullptr; }

  /// Closes the connection. Not within a call of the receiver, which returns kNoMore instead.
  void stop();

  /// Called when the transfer has ended; returns its result; nothing if the receiver wanted no more or the exchange
  /// continues elsewhere.
  std::optional<TransportResult> finish(CURLcode code);

  /// The receiver takes bytes again after kLater. Not within a call of the receiver.
  void resume();

  /// When to call handle_timeout(): a name lookup has ended or taken too long, the explanation of a refusal took too
  /// long, or libcurl cannot rest. The result is that of finish().
  std::optional<TimePoint> deadline() const;
  std::optional<TransportResult> handle_timeout(TimePoint now);

 private:
  struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  void begin();
  void send();
  bool joins_by_prior_knowledge() const;
  void set_options();
  void set_request();
  void set_headers();
  void follow();
  void calm();
  std::optional<TransportResult> go_on(HostLookups::State state, CurlMulti& transfers);
  std::string problem(CURLcode code) const;
  bool receive_header(std::string_view line);
  bool end_head();
  bool hand_over_head();
  std::size_t receive_chunk(std::string_view chunk);
  ResponseReceiver::Receipt hand_over(std::string_view piece);

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t on_bytes(char* data, std::size_t, std::size_t size, void* self);
  static curl_socket_t on_connecting(void* self, curlsocktype, curl_sockaddr* address);
  static int on_request(void* self, char*, char*, int, int);
  static int on_run(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  const EventSourceOptions& options_;
  const std::size_t buffer_bytes_;
  ResponseReceiver& receiver_;
  void* const owner_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_slist, FreeList> header_list_;
  CurlMulti* transfers_ = nullptr;  // while active

  TransportRequest request_;
  Url url_;
  bool reuse_ = true;
  bool joining_ = false;           // the transfer may only use a connection that exists
  bool needs_connection_ = false;  // none that exists has room
  bool is_http2_ = false;          // the last response
  bool may_authenticate_ = true;   // no redirect has led to another origin
  int redirects_ = 0;

  // The connection being made.
  TimePoint connect_deadline_{};
  HostLookups hosts_;

  // The current response.
  ResponseHead head_;
  std::optional<std::string> location_;
  bool redirecting_ = false;
  std::size_t head_bytes_ = 0;
  bool in_head_ = true;
  bool handed_over_ = false;
  bool stopped_ = false;
  std::optional<TimePoint> explanation_deadline_;
  ContentDecoder decoder_;
  std::size_t taken_ = 0;     // of the chunk that libcurl will pass again
  std::string_view waiting_;  // decoded, not taken by the receiver yet
  bool is_paused_ = false;
  std::uint64_t runs_while_paused_ = 0;
  bool is_restless_ = false;  // libcurl runs the paused transfer again and again
  std::string body_;          // of a refusal: the part that is read
  std::string violation_;
  std::exception_ptr thrown_;
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace millrace
