// Webhooks: requests to an application that report which clients subscribe and leave, and which events nobody has
// received.
//
// The server posts JSON, in batches and in order, on its own thread: no client and no publisher waits for the
// application. It posts a batch again if the answer is not 2xx. docs/webhooks.md has the format.
//
//   millrace::Server server({.webhooks = millrace::Webhooks{.url = "https://app.example/hooks", .secret = secret}});
#pragma once

#include <functional>
#include <string>

namespace millrace {

/// The application's URL, and the reports that it gets.
struct Webhooks {
  /// An `http://` or `https://` URL.
  std::string url = {};

  /// The key of the signature (HMAC-SHA-256) that proves to the application that a request is from the server; at least
  /// kShortestWebhookSecret bytes.
  std::string secret = {};

  /// Reports subscriptions as `subscribed` and `unsubscribed`, except polls.
  bool subscriptions = true;

  /// Reports events without a subscriber on this server as `published-to-nobody`.
  bool published_to_nobody = true;

  /// Called with a sentence when the application stops answering, when it answers again, and when events are dropped:
  /// once each time. Called on a thread of the server; must not wait.
  std::function<void(const std::string& notice)> on_notice = nullptr;
};

}  // namespace millrace
