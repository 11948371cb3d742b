// PushFeed: sends numbered messages to users, one a second to each.
//
// The n-th message of a user has the ID `消息n` and the data `uid:… number:n message:<random>`. A user's messages stop
// when the user is no longer connected, and continue with the next number when they are started again.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "millrace/server/push_service.h"
#include "mutex.h"

namespace millrace::demo {

class PushFeed {
 public:
  /// Most disconnected users whose number is kept. Beyond it, one user's number is forgotten.
  static constexpr std::size_t kMaxRememberedUsers = 10'000;

  /// Sends through `push`, which must outlive it, on its own thread.
  PushFeed(PushService& push, std::uint64_t seed);
  ~PushFeed();
  PushFeed(const PushFeed&) = delete;
  PushFeed& operator=(const PushFeed&) = delete;

  /// Sends the first message at once. Does nothing if the user's messages are running.
  void start(const std::string& uid);

  /// Ends the user's messages; the next start() counts from 1 again.
  void forget(const std::string& uid);

 private:
  void run();
  void send_all() REQUIRES(mutex_);

  PushService& push_;
  Mutex mutex_;
  std::map<std::string, std::uint64_t> running_ GUARDED_BY(mutex_);   // the number of each user's last message
  std::map<std::string, std::uint64_t> finished_ GUARDED_BY(mutex_);  // the same, for users that are not connected
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  Condition ending_;
  std::thread thread_;
};

}  // namespace millrace::demo
