// InvalidOption: an option has a value that cannot be honoured.
//
// Thrown by the constructors of Server, KeyAuthorizer and JwtAuthorizer. A program that sets options by other names (on
// a command line, in a file) says those to its users, by option() and problem(); what() has both in C++'s words.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {

class InvalidOption : public std::invalid_argument {
 public:
  /// `option` as it is called in C++, such as `ServerOptions::streams.retry`, or `publish_key_file` of KeyAuthorizer's
  /// own; `problem` as what follows behind its name and a colon, such as `must not be negative`.
  InvalidOption(std::string option, std::string problem)
      : std::invalid_argument(option + ": " + problem), option_(std::move(option)), problem_(std::move(problem)) {}

  const std::string& option() const { return option_; }
  const std::string& problem() const { return problem_; }

 private:
  std::string option_;
  std::string problem_;
};

}  // namespace millrace
