// StreamOpener: turns the request of a handler into an event stream: a subscription to the log, or a request-scoped
// stream. Any thread that handles requests.
#pragma once

#include <httplib.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "connection/stream_right.h"
#include "connection/stream_side.h"
#include "log/feed.h"
#include "millrace/server/event_stream.h"
#include "millrace/server/options.h"
#include "millrace/server/subscription.h"
#include "shares/quota.h"
#include "shares/refusal_reason.h"
#include "shares/retry_spread.h"
#include "stream/stream_buffers.h"

namespace millrace {

struct Exchange;
struct SubscribePlan;

class StreamOpener {
 public:
  struct Ports {
    std::function<bool()> is_draining;
    std::function<void(std::function<void()>)> run_on_worker;  ///< callbacks of streams
    /// Take a share of the quota of a client behind a trusted proxy, and of a user; return nothing if it is used up.
    std::function<std::optional<Quota::Share>(const sockaddr_storage& client)> take_address;
    std::function<std::optional<Quota::Share>(const std::string& user)> take_user;
    std::shared_ptr<StreamBuffers> buffers;  ///< for the streams of open_stream()
  };

  /// The references must outlive it.
  StreamOpener(const Feed& feed, const ServerOptions& options, RetrySpread& retry_spread, Ports ports)
      : feed_(feed), options_(options), retry_spread_(retry_spread), ports_(std::move(ports)) {}
  virtual ~StreamOpener() = default;

  /// What distinguishes a stream of an events route from one that a handler of the program opens.
  struct Route {
    StreamRightPtr right = nullptr;  ///< opens the stream; null if no authorizer will be asked again
    bool is_changeable = false;      ///< the client may change the topics
  };

  /// Like Server::subscribe(). Virtual, so that a fuzzer can see the arguments.
  virtual Subscribed subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                               Route route) const;
  Subscribed subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options) const {
    return subscribe(request, response, std::move(options), Route{});
  }

  /// Like Server::open_stream().
  EventStream open_stream(const httplib::Request& request, httplib::Response& response) const;

 private:
  Subscribed open(const httplib::Request& request, httplib::Response& response, SubscribeOptions options,
                  Route route) const;
  // Refuses while the server drains, and what the plan refuses; returns nothing if neither applies.
  std::optional<Subscribed> refuse_plan(const httplib::Request& request, httplib::Response& response,
                                        SubscribePlan& plan) const;
  // Takes the shares of the address and of the user, or refuses; returns nothing if it has taken them.
  std::optional<Subscribed> take_shares(const httplib::Request& request, httplib::Response& response,
                                        SubscribeOptions& options, std::shared_ptr<Quota::Share>& address_share) const;
  void set_headers(httplib::Response& response, const SubscribePlan& plan, const std::string& id_prefix,
                   const Feed::Cursor& cursor) const;
  bool take_address_share(const Exchange& exchange, std::shared_ptr<Quota::Share>& share) const;
  StreamTerms terms_of(Exchange& exchange) const;
  StreamTerms terms_of(Exchange& exchange, SubscribeOptions& options, Route& route, SubscribePlan& plan) const;
  Subscribed refuse_for_now(const httplib::Request& request, httplib::Response& response, Subscribed::Outcome outcome,
                            RefusalReason reason, std::string_view sentence) const;
  Subscribed refuse_as_too_many(const httplib::Request& request, httplib::Response& response, RefusalReason reason,
                                std::string sentence) const;

  const Feed& feed_;
  const ServerOptions& options_;
  RetrySpread& retry_spread_;
  const Ports ports_;
};

}  // namespace millrace
