// PushService: messages to users, by who they are rather than by which connection they have.
//
// A user has a uid and as many streams open as they have devices and tabs; underneath, a user is the topic
// `users/<uid>` of the server's hub, so that a device that was cut off comes back with its last event ID and misses
// nothing. Any thread may use it, callbacks included. It must not outlive its server.
//
//   millrace::PushService push(server, {.on_open = [](const std::string& uid) { greet(uid); }});
//   server.Get("/stream", [&](const auto& req, auto& res) { push.connect(req, res, user_of(req)); });
//   if (const auto sent = push.send("ada", "msg-17", "hello"); !sent) complain(sent.reason);
//
// Who may listen is for the handler to check before connect(). Where the server has an events route too, its Authorizer
// has to keep strangers from the topics below `users/`.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/server.h"

namespace millrace {

/// Options of a PushService.
struct PushOptions {
  /// The reconnection time of users' streams. None: ServerOptions::streams.retry.
  std::optional<Duration> retry = {};

  /// A stream ends after this long; the client comes back after the reconnection time and up to as much again, drawn at
  /// random, and resumes. Zero: never.
  Duration lifetime{0};

  /// Takes messages for users who are not connected, too: the log keeps them, as long as it holds them, for devices
  /// that come back with a last event ID. Otherwise such a message is refused.
  bool keep_for_later = false;

  // Called for each stream, by its user's uid, several at once; of one stream in this order: on worker threads, or,
  // while the server stops, on the thread of listen(), which does not return before. They may call the service and the
  // server, stop() included. What they throw goes to ServerOptions::on_failure.

  std::function<void(const std::string& uid)> on_open = {};     ///< it is open
  std::function<void(const std::string& uid)> on_timeout = {};  ///< its lifetime is over
  std::function<void(const std::string& uid)> on_error = {};    ///< it broke off: the client left, or was cut
  std::function<void(const std::string& uid)> on_close = {};    ///< it is over, for whatever reason; always the last
};

/// Messages to users.
class PushService {
 public:
  /// Longest uid, in bytes.
  static constexpr std::size_t kMaxUidBytes = 128;

  /// What became of a message.
  struct Sent {
    std::string id = {};      ///< the event's ID, if it was sent
    bool repeated = false;    ///< the user has been sent a message with this ID: nothing was sent a second time
    bool connected = true;    ///< false: it was refused because the user is not connected
    bool stored = true;       ///< false: it was refused because the log's store takes no events now; try again later
    std::string reason = {};  ///< why it was not sent, as a sentence that begins with the parameter's name
    /// Whether it was sent, now or before.
    explicit operator bool() const { return reason.empty(); }
  };

  /// A user with at least one stream open, as far as is known.
  struct User {
    std::string uid;                              ///< as connect() was given it
    std::chrono::system_clock::time_point since;  ///< without a break
    std::size_t devices = 0;                      ///< streams open
  };

  /// Throws std::invalid_argument if an option is out of range; the message names it.
  explicit PushService(Server& server, PushOptions options = {});
  /// Streams stay open. No callback is called any more; waits for those that are running, so it must not be called in
  /// one.
  ~PushService();
  PushService(const PushService&) = delete;
  PushService& operator=(const PushService&) = delete;

  /// Opens a stream for the user, in the handler of `request`: one more device, from its last event ID on. Answers 204
  /// to a device whose stream close() has ended, so that it stops; and returns false then, or if another answer was
  /// given instead of a stream (to HEAD; 503 while the server drains). Throws std::invalid_argument if the uid is not
  /// valid, see uid_error(), and StoreUnavailable if the log's store is in trouble.
  bool connect(const httplib::Request& request, httplib::Response& response, std::string_view uid);

  /// Sends the message to all devices of the user. The ID is the sender's own and must be new among the user's messages
  /// since the last close(); empty: the log gives one. A message must not be empty.
  Sent send(std::string_view uid, std::string_view id, std::string_view message);

  /// Ends the user's streams behind what has been sent, for good: a device that comes back to an ended stream is told
  /// to stop. One that comes for the first time opens the user's stream anew. Returns how many streams there were.
  /// Throws as connect() does.
  std::size_t close(std::string_view uid);

  /// The users who are connected now, by uid.
  std::vector<User> connected() const;

  /// Why `uid` cannot be a user's: a sentence that begins with "uid:", or nothing if it can. A uid is one segment of a
  /// topic: 1 to kMaxUidBytes bytes of UTF-8 without `/`, `*` and control characters.
  static std::string uid_error(std::string_view uid);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace
