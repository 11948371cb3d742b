// What the subcommands of `millrace` share: how they end, and how they read a URL.
//
// A command runs after the whole command line has been read. It returns the exit code; what it throws is told in one
// line on stderr, and the exit code is then kUsageError for a UsageError and kFailure for any other exception.
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
inline constexpr int kTimeIsUp = 3;  // of `tail`: --max-time has passed before --count events came

/// Set by the subcommand that is on the command line.
using Command = std::function<int()>;

/// The command line asks for something that cannot be; the message says what and what to do.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The URL of a server's events route; `text` may also be the server's base, such as http://localhost:8080. Throws
/// UsageError if it is no URL.
Url events_url(const std::string& text);

/// What --header has been given, each "Name: value". Throws UsageError if one cannot be sent.
HttpHeaders parse_headers(const std::vector<std::string>& lines);

}  // namespace millrace::cli
