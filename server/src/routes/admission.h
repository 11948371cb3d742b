// Admission: which requests to the server's own routes may proceed. It checks host name and origin first, then rights
// (the authorizer), then fair shares (streams of a user, events a second).
//
// When a member refuses a request, it has already answered it, with a sentence. Any thread.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/cross_origin.h"
#include "millrace/core/time.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/options.h"
#include "millrace/server/topic_patterns.h"
#include "shares/quota.h"
#include "shares/rate_limit.h"
#include "shares/retry_spread.h"

namespace millrace {

/// How long a browser may keep the answer to a preflight request.
inline constexpr Duration kPreflightMaxAge{7'200'000};

class Admission {
 public:
  /// `options` must outlive it. Throws InvalidOption if one of them is malformed.
  Admission(const ServerOptions& options, std::uint64_t seed);

  /// Sets whether the server can be reached from its own machine only; then the host name is checked.
  void set_on_loopback(bool on_loopback) { on_loopback_ = on_loopback; }

  /// Checks host name and origin. Sets the headers by which a browser lets a page of another origin read the answer.
  /// False: refused, 421 or 403. Call it before the request's body is read. `changes_things`: this GET changes
  /// something; other methods always do.
  bool enter(const httplib::Request& request, httplib::Response& response, bool changes_things = false) const;

  /// Checks the right. Nothing: refused with the authorizer's status. Without an authorizer every client may subscribe;
  /// publishing.anonymous decides about Millrace's own topics and about other actions.
  std::optional<Authorizer::Decision> allow(const httplib::Request& request, httplib::Response& response,
                                            Authorizer::Action action, const TopicPatterns& topics) const;

  /// Takes one of the user's event streams; returns nothing if the user has the maximum. Answers no request.
  std::optional<Quota::Share> take_stream(const std::string& user);

  /// Counts `events` against the publisher's rate. False: refused, 429.
  bool take_events(const httplib::Request& request, const std::string& user, std::size_t events,
                   httplib::Response& response);

  /// Answers OPTIONS on a route that has these methods, such as `GET, HEAD, POST`: a browser's question before it sends
  /// a request for a page of another origin.
  void preflight(const httplib::Request& request, httplib::Response& response, std::string_view methods) const;

  /// Takes other rules, or other bounds, from now on. Throw InvalidOption, and then keep the old ones.
  void change(const ServerOptions::Cors& cors) { cross_origin_.change(cors); }
  void change_publish_rate(std::optional<double> per_second, std::optional<std::size_t> burst);

  const CrossOrigin& cross_origin() const { return cross_origin_; }
  RetrySpread& retry_spread() { return retry_spread_; }

 private:
  bool is_known_host(const httplib::Request& request) const;
  bool check_host(const httplib::Request& request, httplib::Response& response) const;

  const ServerOptions& options_;
  CrossOrigin cross_origin_;
  std::atomic<bool> on_loopback_ = false;
  Quota streams_;
  RateLimit publishing_;
  std::atomic<bool> has_rate_;        // without, nobody waits for the lock of publishing_
  mutable RetrySpread retry_spread_;  // has a lock of its own
};

}  // namespace millrace
