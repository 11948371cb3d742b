// Webhooks: what a server tells an application by HTTP: which clients subscribe, which leave, and what was published
// that nobody received.
//
// The server posts JSON, in batches and in order, on a thread of its own: no client and no publisher waits for the
// application. A batch that is not answered with 2xx is posted again. docs/webhooks.md has the format.
//
//   millrace::Server server({.webhooks = millrace::Webhooks{.url = "https://app.example/hooks", .secret = secret}});
#pragma once

#include <functional>
#include <string>

namespace millrace {

/// Where the server posts to, and what.
struct Webhooks {
  /// An `http://` or `https://` URL.
  std::string url = {};

  /// The key of the signature (HMAC-SHA-256) by which the application knows that a request is the server's; at least
  /// kShortestWebhookSecret bytes.
  std::string secret = {};

  /// Tells of subscriptions, `subscribed` and `unsubscribed`, but not of polls.
  bool subscriptions = true;

  /// Tells of events for which this server had no subscriber, `published-to-nobody`.
  bool published_to_nobody = true;

  /// Called with a sentence when the application does not answer any more, when it answers again, and when events are
  /// dropped: once for each time. Called on a thread of the server; must not wait.
  std::function<void(const std::string& notice)> on_notice = nullptr;
};

}  // namespace millrace
