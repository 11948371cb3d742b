// ConnectionGate: lets the sources of one server share connections of HTTP/2.
//
// libcurl puts a request on a connection that is still being made without asking how many streams the server allows,
// and makes a connection for each request when it knows of none with room. So requests to one server begin one by one
// while a connection is being made: the others wait until the server's settings have come, and then libcurl counts for
// itself. A request that finds room on a connection lets the next one begin at once. libcurl 8.22 keeps a broken
// connection for a second: a request that was put there is sent again on a new one, for which it enters again. A server
// that speaks HTTP/1.1 needs no gate: there each stream has a connection of its own.
//
// The loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

class LoopMember;

class ConnectionGate {
 public:
  /// `post` gives a member a turn in which it enters again.
  explicit ConnectionGate(std::function<void(LoopMember&)> post) : post_(std::move(post)) {}

  /// How a request gets its connection.
  enum class Way : std::uint8_t {
    kJoin,  ///< a connection with room, or a new one
    kMake,  ///< a new one
  };

  /// Whether the member may begin its request. If so, it calls leave() when its request has a connection (a new one:
  /// when the server has answered), or when it needs none any more. If not, it waits in waiting().
  bool enter(LoopMember& member, Way way);
  /// The member had left because a connection with room was found, but that is dead, and its request makes one. Does
  /// nothing for a member that is inside.
  void enter_again(const LoopMember& member);
  /// Does nothing for a member that is not inside.
  void leave(const LoopMember& member);
  bool has(const LoopMember& member) const;
  std::deque<LoopMember*>& waiting() { return waiting_; }

  /// The server has answered in this version.
  void learn(bool is_http2);
  /// The member inside could not connect: the waiting members fail with it, instead of one after the other.
  void fail(const std::string& problem);

 private:
  enum class Protocol : std::uint8_t { kUnknown, kHttp1, kHttp2 };

  bool has_room(const LoopMember& member, Way way) const;

  std::function<void(LoopMember&)> post_;
  Protocol protocol_ = Protocol::kUnknown;
  Way way_{};  // of those inside: one that joins, or any number that make connections
  std::vector<const LoopMember*> inside_;
  std::deque<LoopMember*> waiting_;
};

}  // namespace millrace
