#include "stream_body.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

namespace millrace::load {

namespace {

constexpr std::size_t kMaxHeadBytes = 16 * 1024;

// Whether the head has this line, in any case.
bool has_line(std::string_view head, std::string_view line) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(head.begin(), head.end(), line.begin(), line.end(), same) != head.end();
}

}  // namespace

StreamBody::State StreamBody::read(std::string_view bytes, const Sink& sink) {
  if (state_ == State::kHead) take_head(bytes);
  if (state_ != State::kOpen || bytes.empty()) return state_;
  if (chunked_) {
    take_chunked(bytes, sink);
  } else {
    emit(bytes, sink);
  }
  return state_;
}

void StreamBody::take_head(std::string_view& bytes) {
  head_.append(bytes);
  const std::size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (head_.size() > kMaxHeadBytes) state_ = State::kRefused;
    bytes = {};
    return;
  }
  const std::size_t behind = head_.size() - (end + 4);
  bytes.remove_prefix(bytes.size() - behind);
  head_.resize(end + 2);
  chunked_ = has_line(head_, "\r\ntransfer-encoding: chunked\r\n");
  if (has_line(head_, "\r\ncontent-encoding: gzip\r\n")) inflater_ = std::make_unique<Inflater>();
  const bool good = head_.starts_with("HTTP/1.1 200 ") && has_line(head_, "\r\ncontent-type: text/event-stream");
  state_ = good ? State::kOpen : State::kRefused;
  head_ = {};
}

void StreamBody::take_chunked(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty() && state_ == State::kOpen) {
    if (chunk_ == Chunk::kData) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      emit(bytes.substr(0, count), sink);
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0) chunk_ = Chunk::kDataEnd;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    unsigned digit = 0;
    if (chunk_ == Chunk::kDataEnd) {
      if (c == '\n') chunk_ = Chunk::kSize;
    } else if (c == '\n') {
      chunk_ = Chunk::kData;
      if (left_ == 0) state_ = State::kFinished;
    } else if (chunk_ == Chunk::kSize && std::from_chars(&c, &c + 1, digit, 16).ec == std::errc{}) {
      left_ = left_ * 16 + digit;
    } else {
      chunk_ = Chunk::kSizeEnd;  // an extension, or the CR
    }
  }
}

void StreamBody::emit(std::string_view bytes, const Sink& sink) {
  if (inflater_ == nullptr) return sink(bytes);
  if (!inflater_->decode(bytes, sink)) state_ = State::kFinished;
}

}  // namespace millrace::load
