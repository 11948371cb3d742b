// CurlMulti: the transfers of one thread. libcurl moves the bytes, a poller says when.
//
// libcurl provides everything else that a stream needs: TLS with the system's certificates, HTTP/2, proxies, addresses
// of both families. All of it is non-blocking, so that ten thousand transfers share a thread and each can be closed at
// once. Only curl_multi, curl_exchange and host_lookups use libcurl.
//
// libcurl 7.88 closes the socket of a connection attempt before it says that the socket need not be watched any more.
// Another thread may have the same descriptor by then. So until connected() this class watches a duplicate, whose
// descriptor it owns, where there are duplicates (not on Windows).
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "millrace/core/time.h"
#include "poller.h"

namespace millrace {

/// The owner of other sockets than libcurl's.
class SocketOwner {
 public:
  /// Must not destroy the owner.
  virtual void handle_socket(int socket, std::uint32_t ready) = 0;

 protected:
  ~SocketOwner() = default;
};

class CurlMulti {
 public:
  /// Throws std::system_error if the process has no file descriptors left.
  CurlMulti();
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // Neither may be called within a transfer's callback. Set a transfer's options before adding it; its
  // CURLOPT_OPENSOCKETFUNCTION must call open_socket(), and the loop closes its sockets.
  void add(CURL* easy);
  void remove(CURL* easy);
  /// Returns CURL_SOCKET_BAD if the process has no file descriptors left.
  curl_socket_t open_socket(const curl_sockaddr& address);

  /// Waits until a transfer can continue, `deadline` has come or wake() was called; then continues the transfers.
  void turn(std::optional<TimePoint> deadline);

  struct Finished {
    CURL* easy;
    CURLcode code;
  };
  /// The transfers that have ended; returns each once.
  std::optional<Finished> next_finished();

  /// The transfer has its connection and will send its request now.
  void connected(CURL* easy);

  /// Ends the connection of one of libcurl's sockets if nothing has come on it for this long. Its transfers then fail.
  void cut_if_silent_for(int socket, Duration time);

  /// Watches a socket for `events`, a sum of Ready's; 0: stops watching it.
  void watch_for(SocketOwner& owner, int socket, std::uint32_t events);

  /// Ends the current or the next turn() at once. Any thread, and signal handlers.
  void wake() noexcept;

 private:
  // A socket that is watched, or that libcurl has opened or believes to be watched.
  struct WatchedSocket {
    std::uint32_t events = 0;
    bool connecting = false;
    int registered = -1;           // with the poller: the socket, or a duplicate of it
    SocketOwner* owner = nullptr;  // null: libcurl
    TimePoint heard{};             // when something last came
  };

  static constexpr int kConnected = -1;

  static int watch(CURL* easy, curl_socket_t handle, int what, void* self, void*);
  static int close_socket(void* self, curl_socket_t handle);
  static int set_timer(CURLM* multi, long milliseconds, void* self);
  bool register_watch(int socket, WatchedSocket& watch);
  void unregister_watch(int socket, WatchedSocket& watch);
  void forget_watch(int socket);
  void act(curl_socket_t socket, int events);

  Poller poller_;
  CURLM* multi_ = nullptr;
  std::unordered_map<int, WatchedSocket> watches_;
  std::unordered_map<CURL*, int> connecting_;  // by transfer, its socket, until it is connected: then kConnected
  std::optional<TimePoint> curl_deadline_;
};

}  // namespace millrace
