#include "answer_register.h"

namespace millrace {

std::pair<AnswerRegister::Claim, AnswerPtr> AnswerRegister::claim(const AnswerPtr& answer) {
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
  answers_.emplace(terms.id, Known{answer, ++last_});
  running_.emplace(last_, answer);
  if (!terms.key.empty()) by_key_.emplace(terms.key, answer);
  return {Claim::kBegun, answer};
}

bool AnswerRegister::add(const AnswerPtr& answer, std::chrono::system_clock::time_point ended) {
  const MutexLock lock(mutex_);
  const Answer::State::Terms& terms = answer->terms();
  if (!answers_.emplace(terms.id, Known{answer, 0}).second) return false;
  if (!terms.key.empty()) by_key_.emplace(terms.key, answer);
  keep(answer, ended);
  return true;
}

void AnswerRegister::ended(const AnswerPtr& answer, std::chrono::system_clock::time_point when) {
  const MutexLock lock(mutex_);
  const auto known = answers_.find(answer->terms().id);
  if (known == answers_.end() || known->second.answer != answer || running_.erase(known->second.number) == 0) return;
  keep(answer, when);
}

void AnswerRegister::keep(const AnswerPtr& answer, std::chrono::system_clock::time_point when) {
  kept_.emplace(when, answer);
  if (kept_.size() > bounds_.kept) erase_oldest();
}

void AnswerRegister::erase_oldest() {
  const AnswerPtr answer = kept_.extract(kept_.begin()).mapped();
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
  while (!kept_.empty() && now - kept_.begin()->first >= bounds_.keep_for) erase_oldest();
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
  for (const auto& [number, answer] : running_) running.push_back(answer);
  return running;
}

AnswerPtr AnswerRegister::oldest() const {
  const MutexLock lock(mutex_);
  return running_.empty() ? nullptr : running_.begin()->second;
}

void AnswerRegister::clear() {
  const MutexLock lock(mutex_);
  answers_.clear();
  by_key_.clear();
  running_.clear();
  kept_.clear();
}

AnswerRegister::Sizes AnswerRegister::sizes() const {
  const MutexLock lock(mutex_);
  return {.running = running_.size(), .kept = kept_.size()};
}

}  // namespace millrace
