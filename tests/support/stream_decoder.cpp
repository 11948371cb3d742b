#include "stream_decoder.h"

#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "gunzip.h"
#include "millrace/core/protocol.h"

namespace millrace::test {

StreamDecoder::StreamDecoder(bool chunked, bool gzip)
    : chunked_(chunked), gunzip_(gzip ? std::make_unique<Gunzip>() : nullptr) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;

void StreamDecoder::feed(std::string_view bytes) {
  if (!chunked_) return take(bytes);
  pending_.append(bytes);
  std::size_t begin = 0;
  while (!ended_) {
    const std::string_view rest = std::string_view(pending_).substr(begin);
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) break;
    std::size_t size = 0;
    const auto [end, failure] = std::from_chars(rest.data(), rest.data() + line, size, 16);
    if (failure != std::errc{} || end != rest.data() + line || line == 0) {
      throw std::runtime_error("not a chunk size: \"" + std::string(rest.substr(0, line)) + "\"");
    }
    if (rest.size() < line + 2 + size + 2) break;
    if (rest.substr(line + 2 + size, 2) != "\r\n") throw std::runtime_error("no CRLF behind a chunk");
    ended_ = size == 0;
    if (!ended_) take(rest.substr(line + 2, size));
    if (ended_ && gunzip_ != nullptr && !gunzip_->ended()) throw std::runtime_error("a gzip stream without its end");
    begin += line + 2 + size + 2;
  }
  pending_.erase(0, begin);
  if (ended_ && !pending_.empty()) throw std::runtime_error("bytes behind the last chunk");
}

void StreamDecoder::forget() {
  text_.clear();
  events_.clear();
}

void StreamDecoder::take(std::string_view body) {
  using Item = EventStreamParser::Item;
  const std::string text = gunzip_ != nullptr ? gunzip_->take(body) : std::string(body);
  ++chunks_;
  text_.append(text);
  parser_.feed(text);
  for (Item item = parser_.next(); item != Item::kNeedMore; item = parser_.next()) {
    if (item == Item::kTooLarge) throw std::runtime_error("an event is too large");
    if (item == Item::kComment) ++comments_;
    if (item != Item::kEvent) continue;
    const MessageEvent& event = parser_.event();
    if (event.type == protocol::kCursorEventType && event.data.empty()) {
      ++cursors_;
      continue;
    }
    events_.push_back(
        {.type = std::string(event.type), .data = std::string(event.data), .id = std::string(event.last_event_id)});
  }
}

}  // namespace millrace::test
