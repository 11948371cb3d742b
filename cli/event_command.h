// Runs a user's command for one event: `millrace tail --exec`.
#pragma once

#include <string>
#include <string_view>

namespace millrace::cli {

struct CommandEvent {
  std::string_view type;
  std::string_view id;
  std::string_view topic;  ///< empty: unknown
  std::string_view data;
};

/// Runs `command` with `sh -c` and waits for it. The data is its standard input, byte for byte. The type, the ID and
/// the topic are in its environment as MILLRACE_TYPE, MILLRACE_ID and MILLRACE_TOPIC, never part of the command's text.
/// Signals have their default effect on it. Returns its exit code, or 128 plus the number of the signal that ended it.
/// Throws std::system_error if it cannot be started. The caller must ignore SIGPIPE.
int run_command(const std::string& command, const CommandEvent& event);

}  // namespace millrace::cli
