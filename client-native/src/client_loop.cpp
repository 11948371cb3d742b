#include "client_loop.h"

#include <algorithm>

#include "clock.h"
#include "millrace/client/limits.h"

namespace millrace {

void ClientLoop::run(const std::function<bool()>& done) {
  struct LetGoOfAll {
    ClientLoop& loop;
    ~LetGoOfAll() {
      while (!loop.members_.empty()) loop.release(loop.members_.begin()->first);
      const MutexLock lock(loop.mutex_);
      loop.life_ = Life::kOver;
      for (const auto& member : loop.arrivals_) member->end();
      loop.arrivals_.clear();
      loop.departures_.clear();
      loop.leaving_.clear();
      std::vector<LoopMember*> ignored;  // members that remove() waits for are about to be destroyed
      loop.take_posted(ignored);
      loop.thread_ = std::thread::id();
      loop.removed_.notify_all();
    }
  };
  {
    const MutexLock lock(mutex_);
    life_ = Life::kRunning;
    thread_ = std::this_thread::get_id();
  }
  const LetGoOfAll let_go_of_all{*this};

  while (true) {
    take_turns();
    if (done()) return;
    transfers_.turn(timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first));
    while (const auto finished = transfers_.next_finished()) {
      void* owner = nullptr;
      curl_easy_getinfo(finished->easy, CURLINFO_PRIVATE, &owner);
      static_cast<LoopMember*>(owner)->finish(finished->code);
    }
    fire_timers();
  }
}

void ClientLoop::add(std::shared_ptr<LoopMember> member) {
  const MutexLock lock(mutex_);
  if (life_ == Life::kOver) return member->end();
  arrivals_.push_back(std::move(member));
  wake();
}

void ClientLoop::remove(const std::shared_ptr<LoopMember>& member) {
  MutexLock lock(mutex_);
  if (life_ != Life::kRunning) {
    // No thread runs the loop: this thread may change it.
    std::erase(arrivals_, member);
    std::vector<LoopMember*> others;
    take_posted(others);
    std::erase(others, member.get());
    for (LoopMember* other : others) post(*other);
    return;
  }
  departures_.push_back(member);
  if (is_own_thread()) return wake();
  leaving_.insert(member.get());
  wake();
  removed_.wait(lock, [&]() REQUIRES(mutex_) { return !leaving_.contains(member.get()); });
}

void ClientLoop::post(LoopMember& member) noexcept {
  if (member.posted_.exchange(true)) return;
  member.next_posted_ = posted_.load();
  while (!posted_.compare_exchange_weak(member.next_posted_, &member)) continue;
  wake();
}

// Appends the posted members, in the order in which they were posted.
void ClientLoop::take_posted(std::vector<LoopMember*>& members) {
  const auto before = static_cast<std::ptrdiff_t>(members.size());
  LoopMember* member = posted_.exchange(nullptr);
  while (member != nullptr) {
    members.push_back(member);
    member = std::exchange(member->next_posted_, nullptr);
  }
  std::reverse(members.begin() + before, members.end());
  // From here on they can be posted again.
  std::for_each(members.begin() + before, members.end(), [](LoopMember* each) { each->posted_ = false; });
}

void ClientLoop::take_turns() {
  std::vector<std::shared_ptr<LoopMember>> arrivals;
  std::vector<std::shared_ptr<LoopMember>> departures;
  {
    const MutexLock lock(mutex_);
    arrivals.swap(arrivals_);
    departures.swap(departures_);
  }
  // A new member gets a turn, because it may have been posted before it arrived.
  std::vector<LoopMember*> posted;
  for (auto& member : arrivals) {
    members_.emplace(member.get(), member);
    posted.push_back(member.get());
  }

  // After the departures: a member that is released can post another that departs, but nobody posts it any more then.
  for (const auto& member : departures) release(member.get());
  take_posted(posted);
  for (const auto& member : departures) std::erase(posted, member.get());
  if (!departures.empty()) {
    const MutexLock lock(mutex_);
    for (const auto& member : departures) leaving_.erase(member.get());
    removed_.notify_all();
  }
  for (LoopMember* member : posted) {
    if (members_.contains(member)) member->take_turn(now());
  }
}

void ClientLoop::release(LoopMember* member) {
  set_timer(*member, std::nullopt);
  stop_waiting_for_slot(*member);
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  const std::shared_ptr<LoopMember> kept = found->second;
  members_.erase(found);
  kept->end();
}

void ClientLoop::set_timer(LoopMember& member, std::optional<TimePoint> when) {
  // Does not move a timer to later: it fires early, and is then set again.
  if (member.timer_ == when || (when && member.timer_ && *member.timer_ <= *when)) return;
  if (member.timer_) timers_.erase({*member.timer_, &member});
  member.timer_ = when;
  if (when) timers_.emplace(*when, &member);
}

void ClientLoop::fire_timers() {
  const TimePoint present = now();
  while (!timers_.empty() && timers_.begin()->first <= present) {
    LoopMember* const member = timers_.begin()->second;
    timers_.erase(timers_.begin());
    member->timer_.reset();
    member->take_turn(present);
  }
}

std::shared_ptr<ConnectionGate> ClientLoop::gate_of(const std::string& key) {
  std::weak_ptr<ConnectionGate>& known = gates_[key];
  if (auto gate = known.lock()) return gate;
  std::shared_ptr<ConnectionGate> gate(new ConnectionGate([this](LoopMember& member) { post(member); }),
                                       [this, key](ConnectionGate* unused) {
                                         gates_.erase(key);
                                         delete unused;
                                       });
  known = gate;
  return gate;
}

bool ClientLoop::take_connection_slot(LoopMember& member, ConnectionGate* gate, ConnectionGate::Way way) {
  const bool has_room = connections_being_made_ < kMaxConnectionsBeingMade;
  if (has_room && (gate == nullptr || gate->enter(member, way))) {
    stop_waiting_for_slot(member);
    ++connections_being_made_;
    return true;
  }
  wait_in(has_room ? gate->waiting() : waiting_for_slot_, member);
  return false;
}

void ClientLoop::return_connection_slot() {
  --connections_being_made_;
  if (!waiting_for_slot_.empty()) post(*waiting_for_slot_.front());
}

void ClientLoop::wait_in(std::deque<LoopMember*>& queue, LoopMember& member) {
  if (member.waits_in_ == &queue) return;
  stop_waiting_for_slot(member);
  member.waits_in_ = &queue;
  queue.push_back(&member);
}

// The next one may have its turn now: this member may have been posted, and then not have taken the slot.
void ClientLoop::stop_waiting_for_slot(LoopMember& member) {
  auto* const queue = std::exchange(member.waits_in_, nullptr);
  if (queue == nullptr) return;
  std::erase(*queue, &member);
  if (!queue->empty()) post(*queue->front());
}

}  // namespace millrace
