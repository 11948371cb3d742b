// CurlMulti: the transfers of one thread. libcurl moves them, epoll says when.
//
// libcurl was chosen for what a stream needs beyond bytes and would be a mistake to write again: TLS with the system's
// certificates, HTTP/2, proxies, content codings, addresses of both families; all of it without blocking, so that ten
// thousand transfers share a thread and each can be dropped at once. Files that know libcurl: this pair and
// curl_exchange.
#pragma once

#include <curl/curl.h>

#include <optional>

#include "millrace/core/time.h"

namespace millrace {

class CurlMulti {
 public:
  /// Throws std::system_error if the process is out of file descriptors.
  CurlMulti();
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // Neither may be called from within a transfer's callback.
  void add(CURL* easy);
  void remove(CURL* easy);

  /// Waits until a transfer can go on, `deadline` has come or wake() was called, and lets the transfers go on.
  void turn(std::optional<TimePoint> deadline);

  struct Finished {
    CURL* easy;
    CURLcode code;
  };
  /// The transfers that have come to an end, each told of once.
  std::optional<Finished> next_finished();

  /// Ends the present or the next turn() at once. Any thread, and signal handlers.
  void wake() noexcept;

 private:
  static int watch(CURL* easy, curl_socket_t socket, int what, void* self, void* watched);
  static int set_timer(CURLM* multi, long milliseconds, void* self);
  void act(curl_socket_t socket, int events);

  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int wake_fd_ = -1;
  std::optional<TimePoint> curl_deadline_;
};

}  // namespace millrace
