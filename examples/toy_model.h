// A toy in place of a model: it makes up words, at a given rate. For the examples that answer questions.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace toy {

/// The same words for the same question.
inline std::deque<std::string> make_up_words(const std::string& question, std::size_t count) {
  constexpr const char* kVocabulary[] = {"water", "wheel", "mill", "stone", "grain", "runs", "turns", "grinds",
                                         "the",   "a",     "over", "under", "and",   "slow", "swift", "✨"};
  std::seed_seq seed(question.begin(), question.end());
  std::mt19937 random(seed);
  std::deque<std::string> words;
  for (std::size_t i = 0; i < count; ++i) {
    words.push_back((i == 0 ? "" : " ") + std::string(kVocabulary[random() % std::size(kVocabulary)]));
  }
  return words;
}

/// Generates all running answers on one thread: calls the step of each, once per pause.
class Generator {
 public:
  using Step = std::function<bool()>;  // sends the next word; returns false after the last word

  explicit Generator(std::chrono::microseconds pause) : pause_(pause), thread_([this] { run(); }) {}
  ~Generator() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    ending_.notify_one();
    thread_.join();
  }

  void start(Step step) {
    const std::lock_guard lock(mutex_);
    started_.push_back(std::move(step));
  }

 private:
  void run() {
    std::vector<Step> running;
    std::unique_lock lock(mutex_);
    while (!ending_.wait_for(lock, pause_, [this] { return ended_; })) {
      std::move(started_.begin(), started_.end(), std::back_inserter(running));
      started_.clear();
      lock.unlock();
      std::erase_if(running, [](const Step& step) { return !step(); });
      lock.lock();
    }
  }

  const std::chrono::microseconds pause_;
  std::mutex mutex_;
  std::condition_variable ending_;
  std::vector<Step> started_;  // guarded by mutex_
  bool ended_ = false;         // guarded by mutex_
  std::thread thread_;
};

}  // namespace toy
