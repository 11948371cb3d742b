#include "connection_gate.h"

#include <algorithm>

#include "client_loop.h"

namespace millrace {

bool ConnectionGate::enter(LoopMember& member, Way way) {
  if (protocol_ == Protocol::kHttp1 || has(member)) return true;
  if (!has_room(member, way)) return false;
  way_ = way;
  inside_.push_back(&member);
  return true;
}

void ConnectionGate::enter_again(const LoopMember& member) {
  if (protocol_ == Protocol::kHttp1 || has(member)) return;
  way_ = Way::kJoin;
  inside_.push_back(&member);
}

// Those that make connections must not keep the others waiting for ever.
bool ConnectionGate::has_room(const LoopMember& member, Way way) const {
  if (inside_.empty()) return true;
  const bool is_next = waiting_.empty() || waiting_.front() == &member;
  return way == Way::kMake && way_ == Way::kMake && is_next;
}

bool ConnectionGate::has(const LoopMember& member) const {
  return std::find(inside_.begin(), inside_.end(), &member) != inside_.end();
}

void ConnectionGate::leave(const LoopMember& member) {
  if (std::erase(inside_, &member) > 0 && inside_.empty() && !waiting_.empty()) post_(*waiting_.front());
}

void ConnectionGate::learn(bool is_http2) {
  protocol_ = is_http2 ? Protocol::kHttp2 : Protocol::kHttp1;
  if (is_http2) return;
  for (LoopMember* const member : waiting_) post_(*member);
}

void ConnectionGate::fail(const std::string& problem) {
  for (LoopMember* const member : waiting_) member->share_failure(problem);
}

}  // namespace millrace
