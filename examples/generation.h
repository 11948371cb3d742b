// Generation: an answer in a vendor's format, as a toy generates it.
#pragma once

#include <millrace/server/answers.h>
#include <millrace/server/formats/answer_format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

/// An answer, its format, and the words that are not yet sent.
class Generation {
 public:
  Generation(std::unique_ptr<millrace::AnswerFormat> format, std::deque<std::string> words)
      : format_(std::move(format)), words_(std::move(words)) {}

  /// Generates all of it now, and returns it whole.
  std::string whole() {
    const std::lock_guard lock(mutex_);
    for (const std::string& word : words_) format_->text(word);
    format_->complete();
    return format_->body();
  }

  void send_to(millrace::Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    send(format_->begin());
  }

  /// Sends the next word, or the end. Returns false when it is over.
  bool step() {
    const std::lock_guard lock(mutex_);
    if (words_.empty()) {
      send(format_->complete());
      answer_ = {};
      return false;
    }
    const std::string word = std::move(words_.front());
    words_.pop_front();
    return send(format_->text(word));
  }

  /// Stops it through the service, between two words. Returns false if the service does not have it.
  bool stop(millrace::Answers& answers) {
    const std::lock_guard lock(mutex_);
    if (!answers.stop(id())) return false;
    format_->stop();
    return true;
  }

  /// Notes that the service has ended it.
  void stopped() {
    const std::lock_guard lock(mutex_);
    format_->stop();
  }

  std::string body() const {
    const std::lock_guard lock(mutex_);
    return format_->body();
  }
  bool is_over() const {
    const std::lock_guard lock(mutex_);
    return format_->is_over();
  }
  const std::string& id() const { return format_->head().id; }
  std::string note() const { return format_->note(); }

 private:
  bool send(const millrace::FormattedEvents& events) {
    return std::all_of(events.begin(), events.end(), [this](const millrace::FormattedEvent& event) {
      return answer_.send({.type = event.type, .data = event.data});
    });
  }

  mutable std::mutex mutex_;
  const std::unique_ptr<millrace::AnswerFormat> format_;
  std::deque<std::string> words_;
  millrace::Answer answer_;
};
using GenerationPtr = std::shared_ptr<Generation>;
