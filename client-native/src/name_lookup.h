// NameLookup: the addresses of one host, from /etc/hosts and DNS as /etc/resolv.conf has it, without a thread.
//
// libcurl's own way is getaddrinfo() on a thread, which nothing can end before the name servers have answered or have
// been given up: it would outlive the source that was closed meanwhile. c-ares asks by sockets that the loop watches,
// and is dropped like any other connection.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "curl_multi.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace millrace {

class NameLookup final : private SocketOwner {
 public:
  /// Begins. `changed` is called from turn() of `loop`, which outlives it, whenever an answer has changed what follows.
  NameLookup(CurlMulti& loop, const std::string& host, std::function<void()> changed);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// Whether there is nothing to look up: the host is an address, or one of this machine's own names that stand for the
  /// loopback addresses.
  static bool is_needless(const std::string& host);

  /// When handle_timeout() is to be called.
  TimePoint deadline() const;
  void handle_timeout();

  bool done() const { return done_; }
  /// Addresses, separated by commas, in the order in which they are to be tried; empty if none was found.
  const std::string& addresses() const { return addresses_; }

 private:
  void handle_socket(int socket, std::uint32_t events) override;
  static void on_socket(void* self, int socket, int readable, int writable);
  static void on_answer(void* self, int status, int timeouts, ares_addrinfo* answer);

  CurlMulti& loop_;
  std::function<void()> changed_;
  ares_channeldata* channel_ = nullptr;
  bool done_ = false;
  std::string addresses_;
};

}  // namespace millrace
