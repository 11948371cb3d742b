#include "request_intake.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "millrace/server/limits.h"

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
  assert(bytes <= view().size());
  begin_ += bytes;
  searched_ = 0;
  head_.reset();
}

// Called once for many requests, because each call moves all following bytes.
void RequestIntake::drop_served() {
  input_.erase(0, begin_);
  begin_ = 0;
}

RequestIntake::Progress RequestIntake::advance(std::size_t max_head_bytes) {
  if (!head_) {
    const Progress progress = advance_head(max_head_bytes);
    if (progress != Progress::kBody) return progress;
  }
  assert(head_->bytes <= view().size());
  // A worker itself reads bodies that are too large to collect here, have no length, or wait for a 100.
  const bool collected = !head_->chunked && !head_->expects_continue && head_->content_length <= kMaxBufferedBodyBytes;
  return collected && view().size() - head_->bytes < head_->content_length ? Progress::kBody : Progress::kWhole;
}

RequestIntake::Progress RequestIntake::advance_head(std::size_t max_head_bytes) {
  if (searched_ == 0) {
    skip_empty_lines();
    if (error_.status != 0) return Progress::kRefused;
    if (begin_ == input_.size()) return Progress::kNothing;
    if (view() == "\r") return Progress::kHead;
  }
  const std::string_view input = view();
  const std::size_t end = find_head_end(input, searched_);
  const std::size_t looked_at = std::exchange(searched_, input.size());
  const bool fits = std::min(end, input.size()) <= max_head_bytes;
  // At once: more bytes cannot make it valid.
  if ((end == std::string::npos || !fits) && !may_become_head(input.substr(0, end), looked_at, error_)) {
    return Progress::kRefused;
  }
  if (!fits) {
    sentence_ = too_large_head(max_head_bytes);
    error_ = {431, sentence_, RefusalReason::kHeadTooLarge};
    return Progress::kRefused;
  }
  if (end == std::string::npos) return Progress::kHead;
  head_ = parse_request_head(input.substr(0, end), error_);
  if (!head_) return Progress::kRefused;
  if (head_->path_begin > 0) use_origin_form();
  return Progress::kBody;
}

// Before a request. [RFC 9112 2.2]
void RequestIntake::skip_empty_lines() {
  while (view().starts_with("\r\n")) begin_ += 2;
  const std::string_view next = view();
  if (next.starts_with('\n') || (next.starts_with('\r') && next.size() > 1)) {
    error_ = {400, "a bare CR or LF before the request"};
  }
}

void RequestIntake::use_origin_form() {
  std::string rewritten = with_origin_form(view().substr(0, head_->bytes), *head_);
  input_.replace(begin_, head_->bytes, rewritten);
  head_->bytes = rewritten.size();
  head_->authority_begin = head_->path_begin = 0;
}

}  // namespace millrace
