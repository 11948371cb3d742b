// Admission: which requests to the server's own routes may go on. Borders first (under which names the server may be
// reached, from which web pages), then rights (the authorizer), then fair shares (streams a user, events a second).
//
// Whatever is refused has been answered when a member returns, with a sentence. Any thread.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"
#include "millrace/server/options.h"
#include "quota.h"
#include "rate_limit.h"
#include "retry_after.h"

namespace millrace {

class Admission {
 public:
  /// `options` must stay. Throws std::invalid_argument if one of them is malformed; the message names it.
  Admission(const ServerOptions& options, std::uint64_t seed);

  /// Whether the server can be reached from its own machine only; then the host name is checked.
  void set_on_loopback(bool on_loopback) { on_loopback_ = on_loopback; }

  /// Borders. Sets the headers by which a browser lets a page of another origin read the answer. False: refused, 421 or
  /// 403. To be asked before the request's body is read.
  bool enter(const httplib::Request& request, httplib::Response& response) const;

  /// Rights. Nothing: refused with the authorizer's status. Without an authorizer anybody subscribes, but to Millrace's
  /// own topics; about those and about the rest anonymous_publish decides.
  std::optional<Authorizer::Decision> allow(const httplib::Request& request, httplib::Response& response,
                                            Authorizer::Action action, const std::vector<std::string>& topics) const;

  /// A user's share of the event streams. Null: refused, 429.
  std::shared_ptr<Quota::Share> take_stream(const httplib::Request& request, const std::string& user,
                                            httplib::Response& response);

  /// Takes `events` from what the publisher (the user, where it is known, else the address) may publish now. False:
  /// refused, 429.
  bool take_events(const httplib::Request& request, const std::string& user, std::size_t events,
                   httplib::Response& response);

  /// The answer to OPTIONS on a route: what a browser asks before it sends a request for a page of another origin.
  void preflight(const httplib::Request& request, httplib::Response& response) const;

  RetryAfter& retry_after() { return retry_after_; }

 private:
  bool is_known_host(const httplib::Request& request) const;
  bool is_listed(const std::string& origin) const;
  bool may_change_things(const httplib::Request& request) const;
  bool add_cross_origin_headers(const httplib::Request& request, httplib::Response& response) const;

  const ServerOptions& options_;
  const bool any_origin_;
  std::atomic<bool> on_loopback_ = false;
  Quota streams_;
  RateLimit publishing_;
  RetryAfter retry_after_;
};

}  // namespace millrace
