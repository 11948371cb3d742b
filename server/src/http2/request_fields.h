// RequestFields: a request's field section, or its trailers, in HTTP/2. It checks the rules of RFC 9113 8, and converts
// the section to an HTTP/1.1 head that all parsers read in the same way. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

class RequestFields {
 public:
  enum class Section : std::uint8_t { kHead, kTrailers };

  /// `max_bytes`: largest section, counted like SETTINGS_MAX_HEADER_LIST_SIZE.
  RequestFields(Section section, std::size_t max_bytes) : section_(section), max_bytes_(max_bytes) {}

  /// Takes the next field. Beyond `max_bytes` it drops fields.
  void add(std::string_view name, std::string_view value);

  /// All fields have been added. `has_body`: a body follows the head.
  void finish(bool has_body);

  /// Why the request is malformed, as a sentence; empty if it is valid. A malformed request must not be served. [RFC
  /// 9113 8.1.1]
  std::string_view fault() const { return fault_; }
  bool is_too_large() const { return bytes_ > max_bytes_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  bool is_to_head() const { return method_ == "HEAD"; }

  /// The request line and the fields, each with its line end, but without the empty line, so that the caller can add a
  /// field. Only for a head that has no fault and is not too large.
  std::string head() const;
  /// The regular fields, each with its line end.
  std::string_view lines() const { return lines_; }

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void add_regular(std::string_view name, std::string_view value);
  void take_content_length(std::string_view value);
  void take_host(std::string_view value);
  void fail(std::string_view fault);

  const Section section_;
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool has_regular_ = false;  // no pseudo-header field may follow
  std::optional<std::string> method_;
  std::optional<std::string> scheme_;
  std::optional<std::string> authority_;
  std::optional<std::string> path_;
  std::optional<std::string> host_;
  std::optional<std::uint64_t> content_length_;
  std::string cookies_;
  std::string lines_;
  std::string_view fault_;
};

}  // namespace millrace
