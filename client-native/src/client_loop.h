// ClientLoop: one thread's worth of event sources.
//
// Its members take turns on the thread that is in run(). Everything else reaches them through post(): whoever wants
// something of a member leaves word with it, posts it, and the member acts in its next turn. So there is nothing to
// lock, and closing is as prompt in a name lookup as in a wait for a retry.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "curl_multi.h"

namespace millrace {

class ClientLoop;

/// What a loop runs. All of it is called by the loop's thread, never from within a transfer's callback.
class LoopMember {
 public:
  LoopMember() = default;
  virtual ~LoopMember() = default;
  LoopMember(const LoopMember&) = delete;
  LoopMember& operator=(const LoopMember&) = delete;

  /// It was posted, or its timer has gone off.
  virtual void take_turn(TimePoint now) = 0;
  /// Its transfer has ended.
  virtual void finish(CURLcode code) = 0;
  /// The loop lets go of it: nothing may go on any more.
  virtual void end() = 0;

 private:
  friend class ClientLoop;
  std::atomic<bool> posted_{false};
  LoopMember* next_posted_ = nullptr;
  std::optional<TimePoint> timer_;
  bool waits_for_slot_ = false;
};

class ClientLoop {
 public:
  /// Throws std::system_error if the process is out of file descriptors.
  ClientLoop() = default;

  /// Runs the members until `done`, asked after each round of turns, says so; lets go of all of them then, also if a
  /// member throws, which passes through.
  void run(const std::function<bool()>& done);

  // Any thread -----------------------------------------------------------------------------------------------------

  /// The member takes part, from its first turn on. Does nothing once run() has returned.
  void add(std::shared_ptr<LoopMember> member);
  /// Lets go of the member. Waits until that is done, unless it is the loop's own thread that asks, which then does it
  /// in the next round. Nobody may post the member any more.
  void remove(const std::shared_ptr<LoopMember>& member);
  bool is_own_thread() const { return thread_.load() == std::this_thread::get_id(); }

  /// The member wants a turn. Signal handlers may call it, too.
  void post(LoopMember& member) noexcept;
  void wake() noexcept { transfers_.wake(); }

  // The loop's thread ----------------------------------------------------------------------------------------------

  CurlMulti& transfers() { return transfers_; }
  /// A turn at `when` at the latest. It may come earlier.
  void set_timer(LoopMember& member, std::optional<TimePoint> when);

  /// Whether the member may make a connection now; if not, it is posted once it may ask again.
  bool take_connection_slot(LoopMember& member);
  static bool waits_for_slot(const LoopMember& member) { return member.waits_for_slot_; }
  void return_connection_slot();
  /// It does not want to make one any more.
  void stop_waiting_for_slot(LoopMember& member);

 private:
  enum class Phase { kNew, kRunning, kOver };

  void take_turns();
  void take_posted(std::vector<LoopMember*>& members);
  void let_go(LoopMember* member);
  void fire_timers();

  CurlMulti transfers_;
  std::atomic<LoopMember*> posted_{nullptr};  // a stack, linked through next_posted_
  std::atomic<std::thread::id> thread_{};

  std::mutex mutex_;
  std::condition_variable removed_;
  Phase phase_ = Phase::kNew;
  std::vector<std::shared_ptr<LoopMember>> arrivals_;
  std::vector<std::shared_ptr<LoopMember>> departures_;
  std::set<const LoopMember*> leaving_;  // whom remove() waits for

  // The loop's thread's own.
  std::unordered_map<LoopMember*, std::shared_ptr<LoopMember>> members_;
  std::set<std::pair<TimePoint, LoopMember*>> timers_;
  std::size_t connections_being_made_ = 0;
  std::deque<LoopMember*> waiting_for_slot_;
};

}  // namespace millrace
