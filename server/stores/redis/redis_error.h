// RedisError: what Redis has refused, or what has become of the connection, as a sentence.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {

class RedisError : public std::runtime_error {
 public:
  /// `code`: the first word of Redis's error; empty if it did not answer.
  explicit RedisError(const std::string& sentence, std::string code = {})
      : std::runtime_error(sentence), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace millrace
