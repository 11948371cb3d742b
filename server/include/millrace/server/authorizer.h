// Authorizer: decides which clients may subscribe to a topic, publish to it, and administer the server.
//
// Set one in ServerOptions. The server asks it before every subscription, including one that resumes, so that a client
// gets only replayed events that it may see now; before every publish; and, when the authorizer reports changed rights,
// again about open event streams of events routes and of answers (answers.h). Called on worker threads, several at
// once.
//
//   struct OnlyOwnTopics : millrace::Authorizer {
//     Decision decide(const httplib::Request& request, Action, const millrace::TopicPatterns& topics) const override {
//       const auto user = sessions.user_of(request.get_header_value("Cookie"));
//       if (!user) return Decision::unauthenticated("sign in first");
//       if (topics != millrace::TopicPatterns{"users/" + *user}) return Decision::forbidden("only your own topic");
//       return Decision::allow(*user);
//     }
//   };
//
// Include <httplib.h> in code that reads the request.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/server/httplib_forward.h"
#include "millrace/server/topic_patterns.h"

namespace millrace {

/// The base class of authorizers: decides what a client may do.
class Authorizer {
 public:
  /// What a client wants to do.
  enum class Action {
    kSubscribe,   ///< to all topics that the patterns `topics` match
    kPublish,     ///< to `topics`
    kAdminister,  ///< list open streams, and end them; `topics` is empty
  };

  /// An authorizer's answer. Only allow() allows; a default-constructed decision forbids.
  class Decision {
   public:
    /// A time of the system's clock.
    using Time = std::chrono::system_clock::time_point;

    /// Forbids, without a reason.
    Decision() = default;

    /// Allows. `user` is the client's user, empty if unknown; the server counts streams and rates by it. At `until` the
    /// right ends, and the server ends the event stream.
    static Decision allow(std::string user = {}, std::optional<Time> until = std::nullopt) {
      return {Verdict::kAllowed, std::move(user), {}, until};
    }
    /// Refuses because the client is unknown (401). `reason` is a sentence for the client; it must not contain secrets.
    static Decision unauthenticated(std::string reason) {
      return {Verdict::kUnauthenticated, {}, std::move(reason), std::nullopt};
    }
    /// Refuses although the client is known (403). `reason` as above.
    static Decision forbidden(std::string reason) { return {Verdict::kForbidden, {}, std::move(reason), std::nullopt}; }

    /// Refuses because the authorizer cannot decide now (503). The client may try again; an open stream whose right is
    /// checked again stays open. `reason` as above.
    static Decision unavailable(std::string reason) {
      return {Verdict::kUnavailable, {}, std::move(reason), std::nullopt};
    }

    /// Refuses because this client has too many questions in progress (429); otherwise like unavailable().
    static Decision too_many(std::string reason) { return {Verdict::kTooMany, {}, std::move(reason), std::nullopt}; }

    /// Whether it was made by allow().
    bool is_allowed() const { return verdict_ == Verdict::kAllowed; }
    /// Whether it was made by unavailable() or too_many().
    bool is_unavailable() const { return verdict_ == Verdict::kUnavailable || verdict_ == Verdict::kTooMany; }
    /// The HTTP status: 200, 401, 403, 429 or 503.
    int status() const { return static_cast<int>(verdict_); }
    /// Why it refuses; empty if it allows or gives no reason.
    const std::string& reason() const { return reason_; }
    /// The user given to allow(); empty if unknown.
    const std::string& user() const { return user_; }
    /// When the right ends; without a value: never.
    const std::optional<Time>& until() const { return until_; }

   private:
    enum class Verdict : std::uint16_t {
      kAllowed = 200,
      kUnauthenticated = 401,
      kForbidden = 403,
      kTooMany = 429,
      kUnavailable = 503,
    };

    Decision(Verdict verdict, std::string user, std::string reason, std::optional<Time> until)
        : verdict_(verdict), user_(std::move(user)), reason_(std::move(reason)), until_(until) {}

    Verdict verdict_ = Verdict::kForbidden;
    std::string user_;
    std::string reason_;
    std::optional<Time> until_;
  };

  Authorizer();
  /// A copy has no watchers; assignment keeps the watchers of the target.
  Authorizer(const Authorizer& other);
  /// Keeps the watchers of the target.
  Authorizer& operator=(const Authorizer& other);
  virtual ~Authorizer();

  /// `request` is the client's request. When the server asks again about an open event stream, it is a copy of the
  /// request that opened the stream: method, path, target, headers, parameters and addresses, but no body and no
  /// `matches`. The client may have changed the topics since: `topics` are the current ones.
  ///
  /// `topics` are valid: the server has already refused others (400). They are empty only with kAdminister, which an
  /// authorizer that checks only topics must not allow. If decide() throws, the client gets 500.
  virtual Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const = 0;

  /// Whether decide() may wait (for a lock held for long, a file or another server) or compute for longer than a few
  /// microseconds. True unless overridden: worker threads then call decide(). With false, event loops call it on their
  /// own threads, so that events routes need no worker. While decide() runs, nothing else on that loop runs, so it must
  /// not call the Server. Read when the server begins to listen.
  virtual bool may_block() const { return true; }

  /// Whether decide() may read the request's addresses and ports (`remote_addr`, `remote_port`, `local_addr`,
  /// `local_port`). True unless overridden. With false, event loops leave them empty, which saves two system calls per
  /// request. Read when the server begins to listen, and only if may_block() returns false.
  virtual bool reads_addresses() const { return true; }

  /// Call it when rights have changed: each server with this authorizer then asks it again about the open streams of
  /// its events routes and of its answers. The server ends streams that are no longer allowed, or for which decide()
  /// throws, and keeps the others until the new `until`. Returns at once; any thread.
  void changed() const;

  /// Makes changed() call `on_change`, on its thread, until the returned object is destroyed: for authorizers that ask
  /// others.
  [[nodiscard]] std::shared_ptr<void> watch(std::function<void()> on_change) const;

 protected:
  /// Until the returned object is destroyed, a change of `other` is a change of this authorizer.
  [[nodiscard]] std::shared_ptr<void> pass_on_changes_of(const Authorizer& other) const;

 private:
  struct Watchers;
  std::shared_ptr<Watchers> watchers_;
};

}  // namespace millrace
