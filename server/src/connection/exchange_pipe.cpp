#include "exchange_pipe.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "millrace/server/limits.h"

namespace millrace {

bool ExchangePipe::wait_for_input(Duration timeout) {
  MutexLock lock(mutex_);
  const auto is_there = [this]() REQUIRES(mutex_) { return is_cut_ || has_all_input_ || begin_ < input_.size(); };
  if (!is_there()) changed_.wait_for(lock, timeout, is_there);
  return is_there();
}

ssize_t ExchangePipe::read(char* data, std::size_t size) {
  bool is_to_wake = false;
  std::size_t count = 0;
  {
    const MutexLock lock(mutex_);
    if (is_cut_) return 0;
    if (begin_ == input_.size()) return has_all_input_ ? 0 : -EAGAIN;
    count = input_.copy(data, size, begin_);
    begin_ += count;
    if (begin_ < input_.size()) return static_cast<ssize_t>(count);
    input_.clear();
    begin_ = 0;
    is_to_wake = wake_once();  // the client may send more
  }
  if (is_to_wake) wake_();
  return static_cast<ssize_t>(count);
}

bool ExchangePipe::wait_for_room(Duration timeout) {
  MutexLock lock(mutex_);
  const auto is_there = [this]() REQUIRES(mutex_) { return is_cut_ || output_.size() < kHttp2PipeBytes; };
  if (!is_there()) changed_.wait_for(lock, timeout, is_there);
  return !is_cut_ && is_there();
}

ssize_t ExchangePipe::write(std::string_view bytes) {
  bool is_to_wake = false;
  {
    const MutexLock lock(mutex_);
    if (is_cut_) return -EPIPE;
    bytes = bytes.substr(0, kHttp2PipeBytes - std::min(output_.size(), kHttp2PipeBytes));
    output_.append(bytes);
    is_to_wake = !bytes.empty() && wake_once();
  }
  if (is_to_wake) wake_();
  return static_cast<ssize_t>(bytes.size());
}

void ExchangePipe::cut() {
  const MutexLock lock(mutex_);
  is_cut_ = true;
  changed_.notify_all();
}

bool ExchangePipe::has_client_left() const {
  const MutexLock lock(mutex_);
  return is_cut_;
}

void ExchangePipe::push(std::string_view bytes, std::size_t body_bytes) {
  const MutexLock lock(mutex_);
  if (is_cut_) return;
  input_.erase(0, std::exchange(begin_, 0));
  input_.append(bytes);
  body_bytes_ += body_bytes;
  changed_.notify_all();
}

void ExchangePipe::end_input() {
  const MutexLock lock(mutex_);
  has_all_input_ = true;
  changed_.notify_all();
}

// The unread input may include chunk framing and so be longer than its part of the body: the last bytes of the body
// count when everything is read.
std::size_t ExchangePipe::take_read() {
  const MutexLock lock(mutex_);
  is_woken_ = false;
  const std::size_t left = std::min(body_bytes_, input_.size() - begin_);
  return std::exchange(body_bytes_, left) - left;
}

std::string ExchangePipe::take_output() {
  const MutexLock lock(mutex_);
  is_woken_ = false;
  if (!output_.empty()) changed_.notify_all();
  return std::exchange(output_, {});
}

void ExchangePipe::put_back(std::string_view rest) {
  const MutexLock lock(mutex_);
  output_.insert(0, rest);
}

bool ExchangePipe::wake_once() {
  return !std::exchange(is_woken_, true);
}

}  // namespace millrace
