// What the subcommands of `millrace` share: exit codes, URLs and headers.
//
// A command runs after the whole command line has been read, and returns the exit code. If it throws, the program
// prints the message on one line on stderr, and the exit code is kUsageError for a UsageError, kFailure for other
// exceptions.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/client/options.h"
#include "millrace/client/url.h"

namespace millrace::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsageError = 2;
inline constexpr int kTimeIsUp = 3;  // for `tail`: --max-time has passed before --count events arrived

/// Set by the subcommand that is on the command line.
using Command = std::function<int()>;

/// The command line is invalid; the message says what is wrong and what to do.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The URL of a server's events route; `text` may also be the server's base, such as http://localhost:8080. Throws
/// UsageError if it is not a URL.
Url events_url(const std::string& text);

/// Parses the values of --header, each "Name: value". Throws UsageError if one cannot be sent.
HttpHeaders parse_headers(const std::vector<std::string>& lines);

}  // namespace millrace::cli
