// HttpAuthorizer: asks an existing application over HTTP what a client may do.
//
// For each request it posts `{"action":"subscribe","topics":["news/**"]}` to the application, with the client's
// `Authorization` and `Cookie`, so that the application recognises the client as on its own pages, and its
// `traceparent` and `tracestate`. 200 allows, and may name the user; 401 and 403 refuse. Answers are kept as long as
// their `Cache-Control: max-age` says. docs/webhooks.md has the format.
//
//   millrace::Server server({.authorizer = std::make_shared<millrace::HttpAuthorizer>(
//                                millrace::HttpAuthorizer::Options{.url = "http://127.0.0.1:3000/may"})});
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/limits.h"

namespace millrace {

/// An authorizer that asks an application. Blocks a worker while it asks.
class HttpAuthorizer final : public Authorizer {
 public:
  /// The application's URL, and bounds.
  struct Options {
    /// An `http://` or `https://` URL.
    std::string url = {};

    /// Headers of the client's request to pass on, besides `Authorization` and `Cookie`.
    std::vector<std::string> headers = {};

    /// Time for the application to answer; then the client gets 503.
    Duration timeout = kAuthorizationTimeout;

    /// Most questions at once; for one more, the client gets 503. Keep it below the number of workers, so that some
    /// workers remain for other requests.
    std::size_t max_at_once = kMaxAuthorizationsAtOnce;

    /// Most questions at once about requests from one client address (an IPv6 /64 counts as one); for one more, the
    /// client gets 429. Without a value: three quarters of max_at_once, at least 1, so that one client cannot keep
    /// others from being answered.
    std::optional<std::size_t> max_at_once_per_address = {};

    /// Most answers that it keeps; beyond it the oldest is forgotten.
    std::size_t max_kept = kMaxAuthorizationsKept;

    /// As ServerOptions::option_name: the program's own names, for refusals.
    std::function<std::string(std::string_view option)> option_name = nullptr;
  };

  /// Throws InvalidOption if an option is invalid.
  explicit HttpAuthorizer(const Options& options);
  ~HttpAuthorizer() override;

  /// Asks the application, unless it has kept an answer to the same question. If the application does not answer, or
  /// answers with a status other than 200, 401 and 403, the client gets 503, and open streams stay. If the application
  /// cannot be reached, it does not ask again for kAuthorizationPause.
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

  /// Forgets the answers and makes the server check the rights of open streams again. Any thread.
  void forget();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace millrace
