// ClientLoop: the event sources of one thread.
//
// Its members take turns on the thread in run(). Other threads reach them through post(): they store a request in the
// member and post the member, which acts in its next turn. So members need no lock, and closing is prompt even during a
// name lookup or a wait for a retry.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "connection_gate.h"
#include "curl_multi.h"
#include "mutex.h"

namespace millrace {

class ClientLoop;

/// A member of a loop. Only the loop's thread calls it, never from within a transfer's callback.
class LoopMember {
 public:
  LoopMember() = default;
  virtual ~LoopMember() = default;
  LoopMember(const LoopMember&) = delete;
  LoopMember& operator=(const LoopMember&) = delete;

  /// The member was posted, or its timer has fired.
  virtual void take_turn(TimePoint now) = 0;
  /// The member's transfer has ended.
  virtual void finish(CURLcode code) = 0;
  /// The loop releases the member, which must stop everything.
  virtual void end() = 0;
  /// The member waits for a connection, and another member could not make it.
  virtual void share_failure(const std::string& problem) = 0;

 private:
  friend class ClientLoop;
  std::atomic<bool> posted_{false};
  LoopMember* next_posted_ = nullptr;
  std::optional<TimePoint> timer_;
  std::deque<LoopMember*>* waits_in_ = nullptr;  // for its turn to connect
};

class ClientLoop {
 public:
  /// Throws std::system_error if the process has no file descriptors left.
  ClientLoop() = default;

  /// Runs the members until `done` returns true; calls it after each round of turns. Then releases all members, also if
  /// a member throws; run() passes the exception on.
  void run(const std::function<bool()>& done);

  // Any thread -----------------------------------------------------------------------------------------------------

  /// Adds a member, which gets a first turn. Does nothing once run() has returned.
  void add(std::shared_ptr<LoopMember> member);
  /// Makes the loop release the member, and waits for that. On the loop's own thread it does not wait: the loop
  /// releases the member in its next round. The member must not be posted afterwards.
  void remove(const std::shared_ptr<LoopMember>& member);
  bool is_own_thread() const { return thread_.load() == std::this_thread::get_id(); }

  /// Requests a turn for the member. A signal handler may call it.
  void post(LoopMember& member) noexcept;
  void wake() noexcept { transfers_.wake(); }

  // The loop's thread ----------------------------------------------------------------------------------------------

  CurlMulti& transfers() { return transfers_; }
  /// Requests a turn at `when` at the latest; the turn may be earlier.
  void set_timer(LoopMember& member, std::optional<TimePoint> when);

  /// The gate of the server that `key` names, for as long as a member uses it.
  std::shared_ptr<ConnectionGate> gate_of(const std::string& key);
  /// Whether the member may begin a request now. If not, the loop posts the member when it may ask again. `gate`: its
  /// server's, which the member enters; null: none.
  bool take_connection_slot(LoopMember& member, ConnectionGate* gate, ConnectionGate::Way way);
  static bool waits_for_slot(const LoopMember& member) { return member.waits_in_ != nullptr; }
  void return_connection_slot();
  /// The member no longer wants to make a connection.
  void stop_waiting_for_slot(LoopMember& member);

 private:
  enum class Life { kNew, kRunning, kOver };

  void take_turns();
  void take_posted(std::vector<LoopMember*>& members);
  void release(LoopMember* member);
  void fire_timers();
  void wait_in(std::deque<LoopMember*>& queue, LoopMember& member);

  CurlMulti transfers_;
  std::atomic<LoopMember*> posted_{nullptr};  // a stack, linked through next_posted_
  std::atomic<std::thread::id> thread_{};

  Mutex mutex_;
  Condition removed_;
  Life life_ GUARDED_BY(mutex_) = Life::kNew;
  std::vector<std::shared_ptr<LoopMember>> arrivals_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<LoopMember>> departures_ GUARDED_BY(mutex_);
  std::set<const LoopMember*> leaving_ GUARDED_BY(mutex_);  // members that remove() waits for

  // Only the loop's thread uses these.
  std::unordered_map<LoopMember*, std::shared_ptr<LoopMember>> members_;
  std::set<std::pair<TimePoint, LoopMember*>> timers_;
  std::size_t connections_being_made_ = 0;
  std::deque<LoopMember*> waiting_for_slot_;
  std::unordered_map<std::string, std::weak_ptr<ConnectionGate>> gates_;
};

}  // namespace millrace
