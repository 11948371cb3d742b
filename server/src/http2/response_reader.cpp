#include "response_reader.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "connection_fields.h"
#include "hpack.h"
#include "http/field_text.h"
#include "http/request_head.h"

namespace millrace {

namespace {

// Far larger than any response head: longer input is not a head.
constexpr std::size_t kMaxResponseHead = 256 * 1024;

int status_in(std::string_view line) {
  constexpr std::size_t kBegin = std::string_view("HTTP/1.1 ").size();
  int status = 0;
  if (line.starts_with("HTTP/1.") && line.size() > kBegin) {
    std::from_chars(line.data() + kBegin, line.data() + line.size(), status);
  }
  return status >= 100 && status <= 999 ? status : 0;
}

}  // namespace

ResponseReader::Read ResponseReader::next(std::string_view& input) {
  if (is_broken_ || input.empty()) return Read::kMore;
  return has_head() ? take_body(input) : take_head(input);
}

bool ResponseReader::is_done() const {
  switch (framing_) {
    case Framing::kNone:
    case Framing::kUntilEnd:
      return false;
    case Framing::kLength:
      return left_ == 0;
    case Framing::kChunks:
      return chunks_->is_done();
  }
  return false;
}

bool ResponseReader::is_framing(std::string_view input) const {
  return framing_ == Framing::kChunks && std::string_view("\r\n0\r\n\r\n").ends_with(input);
}

ResponseReader::Read ResponseReader::take_head(std::string_view& input) {
  const std::size_t had = head_.size();
  head_.append(input);
  const std::size_t end = find_head_end(head_, had);
  if (end == std::string::npos) {
    input = {};
    is_broken_ = head_.size() > kMaxResponseHead;
    return Read::kMore;
  }
  input.remove_prefix(end - had);
  const std::string whole = std::exchange(head_, {});
  std::string_view lines = std::string_view(whole).substr(0, end - 2);
  const int status = status_in(lines.substr(0, lines.find("\r\n")));
  is_broken_ = status == 0;
  if (is_broken_) return Read::kMore;
  const bool is_interim = status < 200;
  text_.clear();
  append_status(status, text_);
  left_ = 0;
  bool has_length = false;
  while (true) {
    lines.remove_prefix(lines.find("\r\n") + 2);
    if (lines.empty()) break;
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), to_lower);
    const std::string_view value = trimmed(line.substr(std::min(colon + 1, line.size())));
    if (name == "content-length") {
      has_length = std::from_chars(value.data(), value.data() + value.size(), left_).ec == std::errc{};
    } else if (name == "transfer-encoding" && equals_ignoring_case(value, "chunked") && !is_interim) {
      chunks_.emplace();
    }
    take_field(name, value, text_);
  }
  if (is_interim) return Read::kInterim;
  if (to_head_ || status == 204 || status == 304) {
    framing_ = Framing::kLength;
    left_ = 0;
  } else if (chunks_) {
    framing_ = Framing::kChunks;
  } else {
    framing_ = has_length ? Framing::kLength : Framing::kUntilEnd;
  }
  return Read::kHead;
}

// Drops a field that is invalid in HTTP/2, because the client would refuse the whole response.
void ResponseReader::take_field(std::string_view name, std::string_view value, std::string& block) {
  const bool is_clean = is_token(name) && value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
  if (is_clean && !is_connection_field(name)) append_field(name, value, block);
}

ResponseReader::Read ResponseReader::take_body(std::string_view& input) {
  switch (framing_) {
    case Framing::kNone:
    case Framing::kUntilEnd:
      body_ = std::exchange(input, {});
      return Read::kBody;
    case Framing::kLength:
      body_ = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
      left_ -= body_.size();
      input = {};  // the body has ended
      return body_.empty() ? Read::kMore : Read::kBody;
    case Framing::kChunks:
      text_.clear();
      is_broken_ = !chunks_->read(input, text_);
      input = {};
      body_ = text_;
      return body_.empty() ? Read::kMore : Read::kBody;
  }
  return Read::kMore;
}

}  // namespace millrace
