// RequestIntake: incoming requests, one after the other, each from its first byte until it can be served. Pure: bytes
// in, a decision out.
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
    kHead,     ///< one has
    kBody,     ///< its head is whole
    kWhole,    ///< it can be served
    kRefused,  ///< it cannot be served: error() says why
  };

  /// Begins with what has come behind the request before. `share`: of what may be held in memory.
  explicit RequestIntake(std::string input = {}, BufferBudget::Share share = {})
      : input_(std::move(input)), share_(std::move(share)) {}

  /// False if the share does not allow for as much: the request is to be given up.
  bool append(std::string_view bytes);

  /// How far the request has come with what has been appended. Not to be called again behind kRefused.
  Progress advance(std::size_t max_head_bytes);

  const RequestError& error() const { return error_; }
  /// What has begun is a request for a head alone.
  bool is_to_head() const { return view().starts_with("HEAD "); }

  // Once the request is whole: they may be moved from.
  RequestHead& head() { return *head_; }
  /// The request, and whatever has come behind it.
  std::string& input();
  BufferBudget::Share& share() { return share_; }
  std::string_view view() const { return std::string_view(input_).substr(begin_); }

  /// Goes on with what lies behind the request's `bytes` bytes, which are whole.
  void begin_next(std::size_t bytes);

 private:
  void drop_served();
  Progress advance_head(std::size_t max_head_bytes);
  void skip_empty_lines();
  void use_origin_form();

  std::string input_;
  BufferBudget::Share share_;
  std::size_t begin_ = 0;     // of the request: what lies before it has been served
  std::size_t searched_ = 0;  // bytes of the request, for the end of its head
  std::optional<RequestHead> head_;
  RequestError error_;
};

}  // namespace millrace
