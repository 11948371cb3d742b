// PushService: sends messages to users, on all of their connections.
//
// A user has a uid, and one open stream per device or tab. A user is the topic `users/<uid>` of the server's hub, so
// that a device that was cut off resumes with its last event ID and misses nothing. Any thread, callbacks included, may
// use the service. It must not outlive its server.
//
//   millrace::PushService push(server, {.on_open = [](const std::string& uid) { greet(uid); }});
//   server.Get("/stream", [&](const auto& req, auto& res) { push.connect(req, res, user_of(req)); });
//   if (const auto sent = push.send("ada", "msg-17", "hello"); !sent) complain(sent.sentence);
//
// The handler must check before connect() that the client may listen. If the server also has an events route, its
// Authorizer must keep other clients from the topics below `users/`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/field_value.h"
#include "millrace/core/time.h"
#include "millrace/server/httplib_forward.h"
#include "millrace/server/subscription.h"
#include "millrace/server/topic_patterns.h"

namespace millrace {

class Server;

/// Options of a PushService.
struct PushOptions {
  /// The reconnection time of users' streams. Without a value: ServerOptions::streams.retry.
  std::optional<Duration> retry = {};

  /// A stream ends after this time. The client reconnects after a random time between the reconnection time and twice
  /// that, and resumes. Zero: never.
  Duration lifetime{0};

  /// Accepts messages for users that are not connected: devices that reconnect with a last event ID get them as long as
  /// the log holds them. If false, send() refuses such a message.
  bool keep_for_later = false;

  // Called for each stream with its user's uid: several at once, but for one stream in this order. They run on worker
  // threads, or, while the server stops, on the thread of listen(), which returns only afterwards. They may call the
  // service and the server, stop() included. Their exceptions go to ServerOptions::on_failure.

  std::function<void(const std::string& uid)> on_open = {};     ///< the stream is open
  std::function<void(const std::string& uid)> on_timeout = {};  ///< its lifetime is over
  std::function<void(const std::string& uid)> on_error =
      {};  ///< it ended early: the client disconnected, or the server cut it
  std::function<void(const std::string& uid)> on_close = {};  ///< it is over, for any reason; always the last call
};

/// Messages to users.
class PushService {
 public:
  /// Longest uid, in bytes.
  static constexpr std::size_t kMaxUidBytes = 128;

  /// The result of send().
  struct Sent {
    /// The kinds of results.
    enum class Outcome : std::uint8_t {
      kSent,              ///< the log has it
      kRepeated,          ///< the user was already sent a message with this ID: nothing was sent again
      kNotConnected,      ///< refused: the user is not connected
      kStoreUnavailable,  ///< refused: the log's store accepts no events now; try again later
      kInvalid,           ///< refused: the uid, the ID or the text is invalid
    };
    /// The result.
    Outcome outcome = Outcome::kInvalid;
    std::string id = {};        ///< the event's ID for kSent and kRepeated
    std::string sentence = {};  ///< why it was refused; for kInvalid it begins with the parameter's name and a colon

    /// Whether the log has the message: kSent or kRepeated.
    explicit operator bool() const { return outcome == Outcome::kSent || outcome == Outcome::kRepeated; }
  };

  /// The result of close().
  struct Closed {
    /// The kinds of results.
    enum class Outcome : std::uint8_t {
      kClosed,            ///< the user's streams end
      kStoreUnavailable,  ///< refused: the log's store accepts no events now; try again later
      kInvalid,           ///< refused: the uid is invalid
    };
    /// The result.
    Outcome outcome = Outcome::kInvalid;
    std::size_t streams = 0;    ///< open streams that end
    std::string sentence = {};  ///< why it was refused

    /// Whether it is kClosed.
    explicit operator bool() const { return outcome == Outcome::kClosed; }
  };

  /// A user with at least one open stream.
  struct User {
    std::string uid;                              ///< as given to connect()
    std::chrono::system_clock::time_point since;  ///< connected without a break since then
    std::size_t devices = 0;                      ///< open streams
  };

  /// Throws std::invalid_argument with the option's name if it is out of range.
  explicit PushService(Server& server, PushOptions options = {});
  /// Streams stay open, but no callback runs afterwards. Waits for running callbacks, so it must not run in one.
  ~PushService();
  PushService(const PushService&) = delete;
  PushService& operator=(const PushService&) = delete;

  /// Opens a stream for the user, as one more device, from the request's last event ID on. Call it in the handler of
  /// `request`. If it opens no stream, it answers why, as Server::subscribe() does: 204 for a device whose stream
  /// close() has ended, so that the device stops. kInvalid (400) if the uid is invalid, see uid_error().
  Subscribed connect(const httplib::Request& request, httplib::Response& response, std::string_view uid);

  /// Sends the message to all devices of the user. The ID is the sender's own and must be new among the user's messages
  /// since the last close(); if empty, the log gives one. The message must not be empty.
  Sent send(std::string_view uid, EventId id, std::string_view message);
  /// The same for an ID made at run time: kInvalid if it is not an event ID.
  template <detail::TextAtRunTime Text>
  Sent send(std::string_view uid, const Text& id, std::string_view message) {
    return send_by_text(uid, id, message);
  }

  /// Ends the user's streams for good, after the messages already sent: a device that reconnects to an ended stream
  /// gets 204 and stops. A device that connects for the first time opens the user's stream again. If the result is
  /// false, the streams continue.
  Closed close(std::string_view uid);

  /// The users that are connected now, ordered by uid.
  std::vector<User> connected() const;

  /// Why `uid` is invalid: a sentence that begins with "uid:"; nothing if it is valid. A uid is one segment of a topic:
  /// 1 to kMaxUidBytes bytes of UTF-8 without `/`, `*` and control characters.
  static std::optional<std::string> uid_error(std::string_view uid);

 private:
  Sent send_by_text(std::string_view uid, std::string_view id, std::string_view message);

  class State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace
