// InvalidOption: an option has an invalid value.
//
// The constructors of Server, KeyAuthorizer and JwtAuthorizer throw it. what() names the option as in C++. A program
// with other names for its options (on a command line, in a file) uses option() and problem() instead.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {

/// An option with a value that the server cannot use.
class InvalidOption : public std::invalid_argument {
 public:
  /// `option` is the name in C++, such as `ServerOptions::streams.retry`, or `publish_key_file` of KeyAuthorizer.
  /// `problem` is the text after the name and a colon, such as `must not be negative`.
  InvalidOption(std::string option, std::string problem)
      : std::invalid_argument(option + ": " + problem), option_(std::move(option)), problem_(std::move(problem)) {}

  /// The option, by its name in C++.
  const std::string& option() const { return option_; }
  /// What is wrong with its value.
  const std::string& problem() const { return problem_; }

 private:
  std::string option_;
  std::string problem_;
};

}  // namespace millrace
