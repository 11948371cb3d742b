// SubscribeOptions, SubscriptionInfo: options of an event stream on the hub, and what is known about an open one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/cursor_form.h"
#include "millrace/server/limits.h"
#include "millrace/server/topic_patterns.h"

namespace millrace {

/// Why an event stream ended.
enum class StreamEnd : std::uint8_t {
  kClientLeft,  ///< the client closed it, or its connection broke
  kFinished,    ///< its topics are finished, or a poll has carried something
  kLifetime,    ///< its lifetime, or the client's right to it, is over
  kClosed,      ///< the server ended or cut it
};

/// What became of a request to open an event stream on the hub. The response has been made in each case.
struct Subscribed {
  /// What became of it.
  enum class Outcome : std::uint8_t {
    kOpen,              ///< the response is an event stream now
    kFinished,          ///< 204: the topics are finished and the client has everything, so it stops
    kHeadOnly,          ///< the request is HEAD: the client gets the head that a stream would have
    kInvalid,           ///< 400: the request asks for something that does not exist
    kDraining,          ///< 503: the server drains
    kStoreUnavailable,  ///< 503: the log's store cannot be used now
  };
  /// Says what became of it.
  Outcome outcome = Outcome::kInvalid;
  std::string sentence = {};  ///< why there is no stream; empty for kOpen

  /// Whether it is kOpen.
  explicit operator bool() const { return outcome == Outcome::kOpen; }
};

/// Options of an event stream on the hub.
struct SubscribeOptions {
  /// What to listen to: 1 to kMaxTopicsPerSubscription patterns, as in `{"orders/**", "rooms/" + room}`.
  TopicPatterns topics = {};

  /// A name that disconnect() and subscriptions() use for the stream; at most kMaxClientNameBytes.
  std::string client = {};

  /// The user, if known: subscriptions() and presence events name it.
  std::string user = {};

  /// Ends the response once it has carried something. [docs/protocol.md, "Polling"]
  bool poll = false;

  /// The form of the cursor. Without a value: the request's `cursor` parameter, otherwise
  /// ServerOptions::streams.cursor.
  std::optional<CursorForm> cursor = {};

  /// Skips events whose topic has a newer one: 0 ms, while the client is behind; otherwise always, and the client is
  /// handed what is newest once in this time, at most kMaxConflateInterval. Without a value: as the request's
  /// `conflate` parameter says, otherwise nothing is skipped. [docs/protocol.md, "Conflation"]
  std::optional<Duration> conflate = {};

  /// The reconnection time at the beginning of the stream. Without a value: ServerOptions::streams.retry.
  std::optional<Duration> retry = {};

  /// The stream ends after this time, with a random reconnection time between the usual one and twice that, so that
  /// clients do not come back together. Zero: never.
  Duration lifetime{0};

  /// Called once when the stream is over: on a worker thread, or, while the server stops, on the thread of listen(),
  /// which returns only afterwards. It may call the server, stop() included; its exceptions go to
  /// ServerOptions::on_failure. Not called if there was no stream.
  std::function<void(StreamEnd)> on_close = nullptr;
};

/// A topic, or none. `{"orders"}` is checked by the compiler; text that is made at run time is checked here, and throws
/// InvalidTopic if it is not a topic. Unlike std::optional, it cannot be made of what OwnedTopic::parse()
/// returns: text that is not a topic must not turn into "none".
class TopicChoice {
 public:
  /// None.
  TopicChoice() = default;
  // NOLINTBEGIN(google-explicit-constructor): a topic may stand for the choice of it.
  /// This topic.
  TopicChoice(Topic topic) : topic_(topic) {}
  /// This topic.
  TopicChoice(OwnedTopic topic) : topic_(std::move(topic)) {}
  /// The topic that `text` is; throws InvalidTopic if it is not one.
  template <detail::TextAtRunTime Text>
  TopicChoice(const Text& text) : topic_(detail::checked_topic(text)) {}
  // NOLINTEND(google-explicit-constructor)

  /// The topic; nothing if there is none.
  const std::optional<OwnedTopic>& topic() const { return topic_; }

 private:
  std::optional<OwnedTopic> topic_;
};

/// Which event streams on the hub disconnect() ends: those for which all that is given holds; none if nothing is.
struct StreamSelection {
  std::optional<std::string> user = {};    ///< as the authorizer, or SubscribeOptions::user, has it
  std::optional<std::string> client = {};  ///< as SubscribeOptions::client has it
  TopicChoice topic = {};                  ///< a topic that they receive, by its name or by a wildcard
};

/// One open event stream on the hub.
struct SubscriptionInfo {
  std::vector<std::string> topics;  ///< its patterns
  std::string client;               ///< the name it gave itself; empty: none
  std::string user;                 ///< empty if unknown
  std::string address;              ///< the client's, without the port
  Duration age{0};                  ///< since it was opened
  bool live = false;                ///< up to date; otherwise it is catching up
};

}  // namespace millrace
