// HttpAuthorizer: asks an existing application by HTTP who may do what.
//
// For each request it posts `{"action":"subscribe","topics":["news/**"]}` to the application, with the client's
// `Authorization` and `Cookie`, so that the application knows the client as it does on its own pages. 200 allows, and
// may name the user; 401 and 403 refuse. Answers are kept as long as their `Cache-Control: max-age` says.
// docs/webhooks.md has the format.
//
//   millrace::Server server({.authorizer = std::make_shared<millrace::HttpAuthorizer>(
//                                millrace::HttpAuthorizer::Options{.url = "http://127.0.0.1:3000/may"})});
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/limits.h"

namespace millrace {

/// An authorizer that asks an application. Blocks a worker while it asks.
class HttpAuthorizer final : public Authorizer {
 public:
  /// Where it asks, and its bounds.
  struct Options {
    /// An `http://` or `https://` URL.
    std::string url = {};

    /// Headers of the client's request that are passed on, besides `Authorization` and `Cookie`.
    std::vector<std::string> headers = {};

    /// Time for the application to answer; then the client gets 503.
    Duration timeout = kAuthorizationTimeout;

    /// Questions at once; one more gets 503. Keep it below the number of workers: the others serve requests meanwhile.
    std::size_t max_at_once = kMaxAuthorizationsAtOnce;

    /// Answers that are kept; beyond it the oldest is forgotten.
    std::size_t max_kept = kMaxAuthorizationsKept;
  };

  /// Throws InvalidOption if an option is not valid.
  explicit HttpAuthorizer(const Options& options);
  ~HttpAuthorizer() override;

  /// Asks, unless an answer to the same question is kept. An application that does not answer, or answers with another
  /// status than 200, 401 and 403, makes it unavailable: the client gets 503, and open streams stay. For
  /// kAuthorizationPause after that it does not ask.
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

  /// Forgets the answers, and has the rights of open streams asked for again. Any thread.
  void forget();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace millrace
