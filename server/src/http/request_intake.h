// RequestIntake: a request that is coming in, from its first byte until it can be handed to a worker. Pure: bytes in, a
// verdict out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "request_head.h"

namespace millrace {

class RequestIntake {
 public:
  enum class Progress : std::uint8_t {
    kNothing,  ///< no request has begun
    kHead,     ///< one has
    kBody,     ///< its head is whole
    kWhole,    ///< a worker can have it
    kRefused,  ///< it cannot be served: error() says why
  };

  /// Begins with what has come behind the request before.
  explicit RequestIntake(std::string input = {}) : input_(std::move(input)) {}

  void append(std::string_view bytes) { input_.append(bytes); }

  /// How far the request has come with what has been appended. Not to be called again behind kWhole and kRefused.
  Progress advance(std::size_t max_head_bytes);

  const RequestError& error() const { return error_; }

  // Once the request is whole: they may be moved from.
  RequestHead& head() { return *head_; }
  std::string& input() { return input_; }

 private:
  Progress advance_head(std::size_t max_head_bytes);

  std::string input_;
  std::size_t searched_ = 0;  // for the end of the head
  std::optional<RequestHead> head_;
  RequestError error_;
};

}  // namespace millrace
