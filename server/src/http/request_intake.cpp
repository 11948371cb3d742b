#include "request_intake.h"

#include <algorithm>

#include "millrace/core/limits.h"

namespace millrace {

bool RequestIntake::append(std::string_view bytes) {
  drop_served();
  input_.append(bytes);
  return share_.resize(input_.capacity());
}

std::string& RequestIntake::input() {
  drop_served();
  return input_;
}

void RequestIntake::begin_next(std::size_t bytes) {
  begin_ += bytes;
  searched_ = 0;
  head_.reset();
}

// Once for many requests: each time would move all that has come behind them.
void RequestIntake::drop_served() {
  input_.erase(0, begin_);
  begin_ = 0;
}

RequestIntake::Progress RequestIntake::advance(std::size_t max_head_bytes) {
  if (!head_) {
    const Progress progress = advance_head(max_head_bytes);
    if (progress != Progress::kBody) return progress;
  }
  // A worker reads for itself what is too large to wait for here, what has no length, and what wants a 100 first.
  const bool collected = !head_->chunked && !head_->expects_continue && head_->content_length <= kMaxBufferedBodyBytes;
  return collected && view().size() - head_->bytes < head_->content_length ? Progress::kBody : Progress::kWhole;
}

RequestIntake::Progress RequestIntake::advance_head(std::size_t max_head_bytes) {
  if (searched_ == 0) {
    begin_ = std::min(input_.find_first_not_of("\r\n", begin_), input_.size());  // [RFC 9112 2.2]
    if (begin_ == input_.size()) return Progress::kNothing;
  }
  const std::string_view input = view();
  const std::size_t end = find_head_end(input, searched_);
  searched_ = input.size();
  if (std::min(end, input.size()) > max_head_bytes) {
    error_ = {431, "the request head is larger than the server's limit", RefusalReason::kHeadTooLarge};
    return Progress::kRefused;
  }
  if (end == std::string::npos) return Progress::kHead;
  head_ = parse_request_head(input.substr(0, end), error_);
  return head_ ? Progress::kBody : Progress::kRefused;
}

}  // namespace millrace
