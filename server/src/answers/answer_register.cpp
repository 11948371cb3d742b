#include "answer_register.h"

#include <cassert>

namespace millrace {

std::pair<AnswerRegister::Claim, AnswerPtr> AnswerRegister::claim(const AnswerPtr& answer,
                                                                  const std::optional<Who>& client) {
  const MutexLock lock(mutex_);
  const Answer::State::Terms& terms = answer->terms();
  if (!terms.key.empty()) {
    if (const auto known = by_key_.find(terms.key); known != by_key_.end()) {
      const bool is_same = known->second->terms().fingerprint == terms.fingerprint;
      return {is_same ? Claim::kJoined : Claim::kConflict, known->second};
    }
  }
  if (answers_.contains(terms.id)) return {Claim::kTaken, nullptr};
  if (running_.size() >= bounds_.running) return {Claim::kFull, nullptr};
  auto share = client ? clients_.take(*client) : Quota::Share();
  if (!share) return {Claim::kShare, nullptr};
  answers_.emplace(terms.id, Known{answer, ++last_});
  running_.emplace(last_, Running{answer, std::move(*share)});
  if (!terms.key.empty()) by_key_.emplace(terms.key, answer);
  return {Claim::kBegun, answer};
}

bool AnswerRegister::add(const AnswerPtr& answer, std::chrono::system_clock::time_point ended) {
  const MutexLock lock(mutex_);
  const Answer::State::Terms& terms = answer->terms();
  if (!answers_.emplace(terms.id, Known{answer, 0}).second) return false;
  if (!terms.key.empty()) by_key_.emplace(terms.key, answer);
  keep(answer, std::nullopt, ended);
  return true;
}

void AnswerRegister::ended(const AnswerPtr& answer, std::chrono::system_clock::time_point when) {
  const MutexLock lock(mutex_);
  const auto known = answers_.find(answer->terms().id);
  if (known == answers_.end() || known->second.answer != answer) return;
  const auto running = running_.find(known->second.number);
  if (running == running_.end()) return;
  auto client = running->second.share.holder();
  running_.erase(running);
  keep(answer, std::move(client), when);
}

void AnswerRegister::keep(const AnswerPtr& answer, std::optional<Who> client, Time when) {
  const auto kept = kept_.emplace(when, Kept{answer, client});
  if (client) kept_by_client_[std::string(client->key())].emplace(when, kept);
  if (kept_.size() > bounds_.kept) forget(one_too_many(client));
}

// So a client that ends very many answers does not push out those of others.
AnswerRegister::KeptInOrder::iterator AnswerRegister::one_too_many(const std::optional<Who>& newest) {
  if (!newest) return kept_.begin();
  const auto& own = kept_by_client_.find(newest->key())->second;
  return own.size() > bounds_.kept / 2 ? own.begin()->second : kept_.begin();
}

// In kept_ and in kept_by_client_, a client's answers have the same order, so the first one there is the first one
// here.
void AnswerRegister::forget(KeptInOrder::iterator kept) {
  const AnswerPtr answer = kept->second.answer;
  if (kept->second.client) {
    const auto own = kept_by_client_.find(kept->second.client->key());
    assert(own->second.begin()->second == kept);
    own->second.erase(own->second.begin());
    if (own->second.empty()) kept_by_client_.erase(own);
  }
  kept_.erase(kept);
  erase(*answer);
}

void AnswerRegister::forget(const Answer::State& answer) {
  const MutexLock lock(mutex_);
  erase(answer);
}

void AnswerRegister::erase(const Answer::State& answer) {
  const auto known = answers_.find(answer.terms().id);
  if (known == answers_.end() || known->second.answer.get() != &answer) return;
  const AnswerPtr held = known->second.answer;
  running_.erase(known->second.number);
  answers_.erase(known);
  const auto key = by_key_.find(answer.terms().key);
  if (key != by_key_.end() && key->second == held) by_key_.erase(key);
}

void AnswerRegister::expire(std::chrono::system_clock::time_point now) {
  const MutexLock lock(mutex_);
  while (!kept_.empty() && now - kept_.begin()->first >= bounds_.keep_for) forget(kept_.begin());
}

AnswerPtr AnswerRegister::find(std::string_view id) const {
  const MutexLock lock(mutex_);
  const auto known = answers_.find(id);
  return known != answers_.end() ? known->second.answer : nullptr;
}

std::vector<AnswerPtr> AnswerRegister::running() const {
  const MutexLock lock(mutex_);
  std::vector<AnswerPtr> running;
  running.reserve(running_.size());
  for (const auto& [number, one] : running_) running.push_back(one.answer);
  return running;
}

AnswerPtr AnswerRegister::oldest() const {
  const MutexLock lock(mutex_);
  return running_.empty() ? nullptr : running_.begin()->second.answer;
}

void AnswerRegister::clear() {
  const MutexLock lock(mutex_);
  answers_.clear();
  by_key_.clear();
  running_.clear();
  kept_by_client_.clear();
  kept_.clear();
}

AnswerRegister::Sizes AnswerRegister::sizes() const {
  const MutexLock lock(mutex_);
  return {.running = running_.size(), .kept = kept_.size()};
}

}  // namespace millrace
