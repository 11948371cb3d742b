// Authorizer: decides which clients may subscribe to a topic, publish to it, and administer the server.
//
// Set one in ServerOptions. The server asks it before every subscription, also one that resumes, so that a client gets
// only replayed events that it may see now; before every publish; and again about open event streams of events routes
// whenever the authorizer reports that rights have changed. Called on worker threads, several at once.
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
// Include <httplib.h> where you look into the request.
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
    kSubscribe,   ///< to `topics`, which are patterns: to everything that they match
    kPublish,     ///< to `topics`
    kAdminister,  ///< list open streams, and end them; `topics` is empty
  };

  /// An authorizer's answer. Only allow() allows; a default-made decision forbids.
  class Decision {
   public:
    /// A time of the system's clock.
    using Time = std::chrono::system_clock::time_point;

    /// Forbids, without a reason.
    Decision() = default;

    /// Allows. `user` is the client's user, empty if unknown: streams and rates are counted by it. `until` is when the
    /// right ends, and with it the event stream.
    static Decision allow(std::string user = {}, std::optional<Time> until = std::nullopt) {
      return {Verdict::kAllowed, std::move(user), {}, until};
    }
    /// Refuses because the client is unknown (401). `reason` is a sentence for the client; it must not contain secrets.
    static Decision unauthenticated(std::string reason) {
      return {Verdict::kUnauthenticated, {}, std::move(reason), std::nullopt};
    }
    /// Refuses although the client is known (403). `reason` as above.
    static Decision forbidden(std::string reason) { return {Verdict::kForbidden, {}, std::move(reason), std::nullopt}; }

    /// Whether it was made by allow().
    bool is_allowed() const { return verdict_ == Verdict::kAllowed; }
    /// The HTTP status: 200, 401 or 403.
    int status() const { return static_cast<int>(verdict_); }
    /// Why it refuses; empty if it does not, or has no reason.
    const std::string& reason() const { return reason_; }
    /// The user that allow() was given; empty if it was given none.
    const std::string& user() const { return user_; }
    /// When the right ends; without a value: never.
    const std::optional<Time>& until() const { return until_; }

   private:
    enum class Verdict : std::uint16_t { kAllowed = 200, kUnauthenticated = 401, kForbidden = 403 };

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
  /// Keeps the watchers of this one.
  Authorizer& operator=(const Authorizer& other);
  virtual ~Authorizer();

  /// `request` is the one that asks. Where an open event stream is asked about again, it is a copy of the request that
  /// opened it: method, path, target, headers, parameters and addresses, but no body and no `matches`.
  ///
  /// `topics` are valid: the server has refused others (400) before it asks. Never empty but with kAdminister, which an
  /// authorizer that looks at topics alone must not allow. What it throws is answered with 500.
  virtual Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const = 0;

  /// Whether decide() may wait, for a lock that is held for long, a file or another server, or computes for longer than
  /// a few microseconds. True unless overridden: it is then asked on worker threads. False lets an event loop ask it,
  /// on its own thread, which spares events routes a worker; while decide() runs, nothing else on that loop does, so it
  /// must not call the Server either. Read when the server begins to listen.
  virtual bool may_block() const { return true; }

  /// Call it when rights have changed: each server with this authorizer then asks it again about the open streams of
  /// its events routes. The server ends streams that are no longer allowed, or for which decide() throws. It keeps the
  /// others, until the time that decide() gives now. Returns at once; any thread.
  void changed() const;

  /// changed() calls `on_change`, on its thread, until the returned object is destroyed: for authorizers made of
  /// others.
  [[nodiscard]] std::shared_ptr<void> watch(std::function<void()> on_change) const;

 protected:
  /// As long as the returned object exists, a change of `other` is a change of this authorizer.
  [[nodiscard]] std::shared_ptr<void> pass_on_changes_of(const Authorizer& other) const;

 private:
  struct Watchers;
  std::shared_ptr<Watchers> watchers_;
};

}  // namespace millrace
