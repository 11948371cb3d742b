#include "push_feed.h"

#include <chrono>
#include <utility>

namespace millrace::demo {

namespace {

// Sends the message after the last one, which has this number. If the store does not accept it, the next call repeats
// it. Returns false if the user is not connected.
bool send_next(PushService& push, const std::string& uid, std::uint64_t& number, std::uint64_t random) {
  const std::string digits = std::to_string(number + 1);
  const auto sent =
      push.send(uid, "消息" + digits, "uid:" + uid + " number:" + digits + " message:" + std::to_string(random));
  if (sent) ++number;
  return sent.outcome != PushService::Sent::Outcome::kNotConnected;
}

}  // namespace

PushFeed::PushFeed(PushService& push, std::uint64_t seed) : push_(push), random_(seed), thread_([this] { run(); }) {}

PushFeed::~PushFeed() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void PushFeed::start(const std::string& uid) {
  const MutexLock lock(mutex_);
  if (running_.contains(uid)) return;
  std::uint64_t& number = running_[uid];
  if (const auto known = finished_.extract(uid)) number = known.mapped();
  send_next(push_, uid, number, random_());
}

void PushFeed::forget(const std::string& uid) {
  const MutexLock lock(mutex_);
  running_.erase(uid);
  finished_.erase(uid);
}

void PushFeed::run() {
  MutexLock lock(mutex_);
  while (!ending_.wait_for(lock, std::chrono::seconds(1), [this]() REQUIRES(mutex_) { return ended_; })) send_all();
}

void PushFeed::send_all() {
  for (auto user = running_.begin(); user != running_.end();) {
    if (send_next(push_, user->first, user->second, random_())) {
      ++user;
      continue;
    }
    if (finished_.size() == kMaxRememberedUsers) finished_.erase(finished_.begin());
    finished_.insert(running_.extract(user++));
  }
}

}  // namespace millrace::demo
