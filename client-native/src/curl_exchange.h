// CurlExchange: one request and its whole response, redirects followed. [Fetch 4.3, 4.4]
//
// It belongs to the thread of its CurlMulti and is used for one request after the other. What the receiver throws is
// kept and thrown by finish(), since it cannot pass through libcurl.
#pragma once

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
  /// `options` outlive it; `owner` is who owner_of() then names. Throws std::invalid_argument if the options name a CA
  /// file that cannot be read or a proxy that is none.
  CurlExchange(const EventSourceOptions& options, std::size_t buffer_bytes, ResponseReceiver& receiver, void* owner);
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  static void* owner_of(CURL* easy);

  /// Sends the request over a connection that is new, or, if `reuse` is true, may have served before.
  void start(CurlMulti& transfers, const Url& url, TransportRequest request, bool reuse);
  bool active() const { return transfers_ != nullptr; }

  /// Drops the connection. Not from within a call of the receiver, which says kNoMore instead.
  void stop();

  /// The transfer has ended: how, or nothing if the receiver wanted no more or the exchange goes on elsewhere.
  std::optional<TransportResult> finish(CURLcode code);

  /// The receiver, having said kLater, takes bytes again. Not from within a call of the receiver.
  void resume();

  /// When handle_timeout() is to be called: a name has been looked up or that has taken too long, or a refusal's
  /// explanation has been waited for long enough. The result is that of finish().
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
  void set_options();
  void set_request();
  void set_headers();
  void follow();
  std::optional<TransportResult> go_on(HostLookups::Progress progress, CurlMulti& transfers);
  std::string problem(CURLcode code) const;
  bool receive_header(std::string_view line);
  bool end_head();
  bool hand_over_head();
  std::size_t take(std::string_view chunk);
  ResponseReceiver::Receipt hand_over(std::string_view piece);

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t on_bytes(char* data, std::size_t, std::size_t size, void* self);
  static int on_request(void* self, char*, char*, int, int);

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
  bool may_authenticate_ = true;  // no redirect has led to another origin
  int redirects_ = 0;

  // The connection being made.
  TimePoint connect_deadline_{};
  HostLookups hosts_;

  // The response under way.
  ResponseHead head_;
  std::optional<std::string> location_;
  bool redirecting_ = false;
  std::size_t head_bytes_ = 0;
  bool in_head_ = true;
  bool handed_over_ = false;
  bool stopped_ = false;
  std::optional<TimePoint> explanation_deadline_;
  ContentDecoder decoder_;
  std::size_t taken_ = 0;     // of the chunk that libcurl will hand in once more
  std::string_view waiting_;  // decoded, and not taken by the receiver yet
  std::string body_;          // of a refusal, as much of it as is looked at
  std::string violation_;
  std::exception_ptr thrown_;
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace millrace
