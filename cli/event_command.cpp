#include "event_command.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

#include "socket_calls.h"

namespace millrace::cli {

namespace {

// This process's environment, with the event's variables instead of any with these names.
std::vector<std::string> environment_for(const CommandEvent& event) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto names = [text](std::string_view name) { return text.starts_with(name); };
    if (!names("MILLRACE_TYPE=") && !names("MILLRACE_ID=") && !names("MILLRACE_TOPIC=")) variables.emplace_back(text);
  }
  variables.push_back("MILLRACE_TYPE=" + std::string(event.type));
  variables.push_back("MILLRACE_ID=" + std::string(event.id));
  variables.push_back("MILLRACE_TOPIC=" + std::string(event.topic));
  return variables;
}

pid_t start(const std::string& command, const CommandEvent& event, int input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  // The command does not inherit which signals this process blocks and ignores.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t pipe;
  sigemptyset(&none);
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> arguments{"sh", "-c", command};
  std::vector<std::string> variables = environment_for(event);
  const auto pointers_to = [](std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  };
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, "/bin/sh", &actions, &attributes, pointers_to(arguments).data(), pointers_to(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start the command");
  return pid;
}

// A command need not read its input.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

int run_command(const std::string& command, const CommandEvent& event) {
  int input[2];
  if (open_pipe(input) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot create a pipe for the command");
  pid_t pid = -1;
  try {
    pid = start(command, event, input[0]);
  } catch (...) {
    close(input[0]);
    close(input[1]);
    throw;
  }
  close(input[0]);
  write_all(input[1], event.data);
  close(input[1]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace millrace::cli
