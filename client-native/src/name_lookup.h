// NameLookup: the addresses of one host, from /etc/hosts and the name servers of /etc/resolv.conf, without a thread.
//
// libcurl itself calls getaddrinfo() on a thread, which nothing can end before the name servers answer or time out: the
// thread would outlive a source that is closed in the meantime. c-ares uses sockets that the loop watches, and can be
// cancelled like any other connection.
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
  /// Begins the lookup. turn() of `loop`, which must outlive it, calls `changed` whenever an answer has changed
  /// something.
  NameLookup(CurlMulti& loop, const std::string& host, std::function<void()> changed);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// Whether there is nothing to look up: the host is an address, or one of this machine's names for the loopback
  /// addresses.
  static bool is_needless(const std::string& host);

  /// When to call handle_timeout().
  TimePoint deadline() const;
  void handle_timeout();

  bool done() const { return done_; }
  /// Addresses, separated by commas, in the order in which to try them; empty if none was found.
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
