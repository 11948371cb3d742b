// CurlMulti: the transfers of one thread. libcurl moves them, epoll says when.
//
// libcurl was chosen for what a stream needs beyond bytes and would be a mistake to write again: TLS with the system's
// certificates, HTTP/2, proxies, content codings, addresses of both families; all of it without blocking, so that ten
// thousand transfers share a thread and each can be dropped at once. Files that know libcurl: this pair and
// curl_exchange.
//
// libcurl 7.88 closes the socket of a connection that is still being made before it says that it need not be watched
// any more. Its number may be another thread's by then, so that until connected() a duplicate is watched, whose number
// is ours.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "millrace/core/time.h"

namespace millrace {

/// Whose sockets a loop watches beside libcurl's.
class SocketOwner {
 public:
  /// `events`: epoll's. Must not destroy the owner.
  virtual void handle_socket(int socket, std::uint32_t events) = 0;

 protected:
  ~SocketOwner() = default;
};

class CurlMulti {
 public:
  /// Throws std::system_error if the process is out of file descriptors.
  CurlMulti();
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // Neither may be called from within a transfer's callback. Options are set before the transfer is added: those that
  // concern its sockets are the loop's.
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

  /// The transfer's connection is made, and its request about to go out.
  void connected(CURL* easy);

  /// Watches a socket for epoll's `events` until told otherwise; none: no more.
  void watch_for(SocketOwner& owner, int socket, std::uint32_t events);

  /// Ends the present or the next turn() at once. Any thread, and signal handlers.
  void wake() noexcept;

 private:
  // A socket that is watched, or that libcurl has opened or believes to be watched.
  struct Watch {
    std::uint32_t events = 0;
    bool connecting = false;
    int registered = -1;           // with epoll: the socket, or a duplicate of it
    SocketOwner* owner = nullptr;  // none: libcurl's
  };

  static constexpr int kConnected = -1;

  static int watch(CURL* easy, curl_socket_t socket, int what, void* self, void*);
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* self, curl_socket_t socket);
  static int set_timer(CURLM* multi, long milliseconds, void* self);
  bool register_watch(int socket, Watch& watch);
  void unregister_watch(int socket, Watch& watch);
  void forget_watch(int socket);
  void act(curl_socket_t socket, int events);

  CURLM* multi_ = nullptr;
  int epoll_ = -1;
  int wake_fd_ = -1;
  std::unordered_map<int, Watch> watches_;
  std::unordered_map<CURL*, int> connecting_;  // by transfer, its socket, until it is connected: then kConnected
  std::optional<TimePoint> curl_deadline_;
};

}  // namespace millrace
