// SubscribeOptions, SubscriptionInfo: options of an event stream on the hub, and a description of an open one.
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
  kFinished,    ///< its topics are finished, or a poll has delivered something
  kLifetime,    ///< its lifetime, or the client's right to it, is over
  kClosed,      ///< the server has ended or cut it
};

/// The result of a request for an event stream on the hub. In each case the response is complete or has begun.
struct Subscribed {
  /// The kinds of results.
  enum class Outcome : std::uint8_t {
    kOpen,              ///< the response is now an event stream
    kFinished,          ///< 204: the topics are finished and the client has everything, so it stops
    kHeadOnly,          ///< the request is HEAD: the client gets the head that a stream would have
    kInvalid,           ///< 400: the request is invalid
    kDraining,          ///< 503: the server drains
    kStoreUnavailable,  ///< 503: the log's store cannot be used now
    kTooMany,           ///< 429: the user, or the address behind a trusted proxy, has as many streams as allowed
  };
  /// The result.
  Outcome outcome = Outcome::kInvalid;
  std::string sentence = {};  ///< why no stream was opened; empty for kOpen

  /// Whether it is kOpen.
  explicit operator bool() const { return outcome == Outcome::kOpen; }
};

/// Options of an event stream on the hub.
struct SubscribeOptions {
  /// 1 to kMaxTopicsPerSubscription patterns, such as `{"orders/**", "rooms/" + room}`.
  TopicPatterns topics = {};

  /// A name that disconnect() and subscriptions() use for the stream; at most kMaxClientNameBytes.
  std::string client = {};

  /// The user, if known: subscriptions() and presence events name it, and ServerOptions::shares bounds its streams.
  std::string user = {};

  /// A JSON object that presence events have with the user, or the client, such as `{"name":"Ada"}`; at most
  /// kMaxNoteBytes. Empty: nothing.
  std::string note = {};

  /// Ends the response when it has delivered something. [docs/protocol.md, "Polling"]
  bool poll = false;

  /// The form of the cursor. Without a value: the request's `cursor` parameter, otherwise
  /// ServerOptions::streams.cursor.
  std::optional<CursorForm> cursor = {};

  /// Skips events whose topic has a newer one. 0 ms: only while the client is behind. Longer, at most
  /// kMaxConflateInterval: always, and the client gets the newest events once in this time. Without a value: the
  /// request's `conflate` parameter, otherwise skips nothing. [docs/protocol.md, "Conflation"]
  std::optional<Duration> conflate = {};

  /// Where the stream begins: after the event with this ID, or at `earliest`, `latest` or a Hub::cursor(). Without a
  /// value: after the request's last event ID, otherwise with new events.
  std::optional<std::string> last_event_id = {};

  /// A prefix of the stream's cursors, so that a last event ID shows which stream it belongs to. The server removes the
  /// prefix from the last event ID of a client that resumes. An ID of at most kMaxIdPrefixBytes that a header can
  /// carry.
  ///
  /// Events keep their IDs, because their bytes are made once and shared by all subscribers. So publish the events of
  /// these topics with IDs of your own that begin with the prefix, as Answers does: then every ID that a client of the
  /// stream can send, of an event or a cursor, begins with it. The ID that the log gives an event names no stream; a
  /// client that has just received such an event sends that one, so its request must name the stream in another way.
  std::string id_prefix = {};

  /// The reconnection time at the beginning of the stream. Without a value: ServerOptions::streams.retry.
  std::optional<Duration> retry = {};

  /// The stream ends after this time, with a random reconnection time from the usual one to twice that, so that clients
  /// do not reconnect together. Zero: never. At most kMaxOptionTime counts.
  Duration lifetime{0};

  /// Called once when the stream is over: on a worker thread, or, while the server stops, on the thread of listen(),
  /// which returns only afterwards. It may call the server, stop() included; its exceptions go to
  /// ServerOptions::on_failure. Not called if no stream was opened.
  std::function<void(StreamEnd)> on_close = nullptr;
};

/// A topic, or no topic. The compiler checks `{"orders"}`; the constructor checks text made at run time, and throws
/// InvalidTopic if it is not a topic. Unlike std::optional, it cannot be constructed from the result of
/// OwnedTopic::parse(), so that text that is not a topic cannot turn into "no topic".
class TopicChoice {
 public:
  /// No topic.
  TopicChoice() = default;
  // NOLINTBEGIN(google-explicit-constructor): a topic may stand for the choice of it.
  /// This topic.
  TopicChoice(Topic topic) : topic_(topic) {}
  /// This topic.
  TopicChoice(OwnedTopic topic) : topic_(std::move(topic)) {}
  /// Parses `text`; throws InvalidTopic if it is not a topic.
  template <detail::TextAtRunTime Text>
  TopicChoice(const Text& text) : topic_(detail::checked_topic(text)) {}
  // NOLINTEND(google-explicit-constructor)

  /// The topic, if it has one.
  const std::optional<OwnedTopic>& topic() const { return topic_; }

 private:
  std::optional<OwnedTopic> topic_;
};

/// Selects the event streams on the hub that disconnect() ends: those that match every given field. Without a field it
/// selects no stream.
struct StreamSelection {
  std::optional<std::string> user = {};    ///< the user from the authorizer or from SubscribeOptions::user
  std::optional<std::string> client = {};  ///< the name from SubscribeOptions::client
  TopicChoice topic = {};                  ///< a topic that they receive, by name or by wildcard
};

/// What disconnect() sends to the clients whose streams it ends.
struct Farewell {
  /// The reconnection time, at most kMaxReconnectionTime; each client gets a random one from this to twice as much.
  /// Without a value: the stream's reconnection time.
  std::optional<Duration> retry = {};

  /// Clients that follow the standard stop and do not reconnect. Other clients may ignore it, so also remove the right
  /// of a client that must stay out.
  bool for_good = false;
};

/// One open event stream on the hub.
struct SubscriptionInfo {
  std::vector<std::string> topics;  ///< its topics and patterns
  std::string client;               ///< its SubscribeOptions::client; may be empty
  std::string user;                 ///< empty if unknown
  std::string address;              ///< the client's, without the port
  Duration age{0};                  ///< since it was opened
  bool live = false;                ///< up to date; otherwise it is catching up
};

}  // namespace millrace
