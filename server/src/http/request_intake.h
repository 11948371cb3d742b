// RequestIntake: collects incoming requests, one after the other, each until it can be served. Pure: bytes in,
// decisions out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "request_head.h"
#include "shares/buffer_budget.h"

namespace millrace {

class RequestIntake {
 public:
  enum class Progress : std::uint8_t {
    kNothing,  ///< no request has begun
    kHead,     ///< its head is incomplete
    kBody,     ///< its head is complete
    kWhole,    ///< it can be served
    kRefused,  ///< it cannot be served: error() says why
  };

  /// Begins with the bytes that followed the previous request. `share`: for the bytes that it holds in memory.
  explicit RequestIntake(std::string input = {}, BufferBudget::Share share = {})
      : input_(std::move(input)), share_(std::move(share)) {}

  /// Returns false if the share has no room for the bytes: refuse the request.
  bool append(std::string_view bytes);

  /// Reads the appended bytes, and returns how far the request is. Must not be called again after kRefused.
  Progress advance(std::size_t max_head_bytes);

  const RequestError& error() const { return error_; }
  /// Whether the current request is HEAD.
  bool is_to_head() const { return view().starts_with("HEAD "); }

  // After kWhole; they may be moved from.
  RequestHead& head() { return *head_; }
  /// The request and the bytes after it.
  std::string& input();
  BufferBudget::Share& share() { return share_; }
  std::string_view view() const { return std::string_view(input_).substr(begin_); }

  /// Continues after the current request, which has `bytes` bytes.
  void begin_next(std::size_t bytes);

 private:
  void drop_served();
  Progress advance_head(std::size_t max_head_bytes);
  void skip_empty_lines();
  void use_origin_form();

  std::string input_;
  BufferBudget::Share share_;
  std::size_t begin_ = 0;     // of the request; the bytes before it have been served
  std::size_t searched_ = 0;  // bytes of the request that were searched for the end of its head
  std::optional<RequestHead> head_;
  std::string sentence_;  // of error_, if it names a number
  RequestError error_;
};

}  // namespace millrace
