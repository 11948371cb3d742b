#include "request_intake.h"

#include <algorithm>

#include "millrace/core/limits.h"

namespace millrace {

RequestIntake::Progress RequestIntake::advance(std::size_t max_head_bytes) {
  if (!head_) {
    const Progress progress = advance_head(max_head_bytes);
    if (progress != Progress::kBody) return progress;
  }
  // A worker reads for itself what is too large to wait for here, what has no length, and what wants a 100 first.
  const bool collected = !head_->chunked && !head_->expects_continue && head_->content_length <= kMaxBufferedBodyBytes;
  return collected && input_.size() - head_->bytes < head_->content_length ? Progress::kBody : Progress::kWhole;
}

RequestIntake::Progress RequestIntake::advance_head(std::size_t max_head_bytes) {
  if (searched_ == 0) {
    input_.erase(0, std::min(input_.find_first_not_of("\r\n"), input_.size()));  // [RFC 9112 2.2]
    if (input_.empty()) return Progress::kNothing;
  }
  const std::size_t end = find_head_end(input_, searched_);
  searched_ = input_.size();
  if (std::min(end, input_.size()) > max_head_bytes) {
    error_ = {431, "the request head is larger than the server's limit", RefusalReason::kHeadTooLarge};
    return Progress::kRefused;
  }
  if (end == std::string::npos) return Progress::kHead;
  head_ = parse_request_head(std::string_view(input_).substr(0, end), error_);
  return head_ ? Progress::kBody : Progress::kRefused;
}

}  // namespace millrace
