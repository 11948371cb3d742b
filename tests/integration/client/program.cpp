#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "collector.h"
#include "progress.h"

extern char** environ;

namespace millrace::test {

namespace {

constexpr int kDeadlineMilliseconds = static_cast<int>(std::chrono::milliseconds(kDeadline).count());

std::vector<std::string> with_port(std::vector<std::string> options) {
  options.insert(options.begin(), {"serve", "--port", "0"});
  return options;
}

// Both ends of a new terminal, in the order of a pipe's.
bool open_terminal(int (&ends)[2]) {
  ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends[0] < 0 || grantpt(ends[0]) != 0 || unlockpt(ends[0]) != 0) return false;
  ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  return ends[1] >= 0;
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("MILLRACE_")) all.emplace_back(*variable);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, const std::string& input, Terminal terminal,
                 const std::vector<std::string>& variables) {
  int in[2];
  int out[2];
  int err[2];
  const auto open_output = [&](int(&ends)[2], Terminal own) {
    return own == terminal ? open_terminal(ends) : pipe2(ends, O_CLOEXEC) == 0;
  };
  if (pipe2(in, O_CLOEXEC) != 0 || !open_output(out, Terminal::kOutput) || !open_output(err, Terminal::kErrors)) {
    throw std::runtime_error("cannot make pipes");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);

  arguments.insert(arguments.begin(), MILLRACE_PROGRAM);
  std::vector<std::string> environment = environment_with(variables);
  const int error = posix_spawn(&pid_, MILLRACE_PROGRAM, &actions, nullptr, pointers_to(arguments).data(),
                                pointers_to(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  for (const int fd : {in[0], out[1], err[1]}) close(fd);
  output_.fd = out[0];
  errors_.fd = err[0];
  const bool written = write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size());
  close(in[1]);
  if (error != 0 || !written) throw std::runtime_error("cannot start " MILLRACE_PROGRAM);
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_.fd >= 0) close(output_.fd);
  close(errors_.fd);
}

void Program::close_output() {
  close(output_.fd);
  output_.fd = -1;
}

void Program::signal(int number) const {
  kill(pid_, number);
}

int Program::wait() {
  // Outputs that stay open past the deadline mean that it hangs.
  while (read_more(output_)) continue;
  while (read_more(errors_)) continue;
  pollfd still_open[] = {{output_.fd, POLLIN, 0}, {errors_.fd, POLLIN, 0}};
  poll(still_open, 2, 0);
  const bool output_is_over = output_.fd < 0 || (still_open[0].revents & POLLHUP) != 0;
  if (!output_is_over || (still_open[1].revents & POLLHUP) == 0) kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Program::read_line() {
  return read_line(output_);
}

std::string Program::await_line() {
  while (output_.text.find('\n') == std::string::npos && wait_while_working(output_.fd, pid_)) {
    if (!read_more(output_)) return {};
  }
  return read_line();
}

std::string Program::read_error_line() {
  return read_line(errors_);
}

std::string Program::read_line(Pipe& pipe) {
  std::size_t end = 0;
  while ((end = pipe.text.find('\n')) == std::string::npos) {
    if (!read_more(pipe)) return {};
  }
  const std::string line = pipe.text.substr(0, end);
  pipe.text.erase(0, end + 1);
  return line;
}

// False at the end of the output, and when nothing comes in time.
bool Program::read_more(Pipe& pipe) {
  if (pipe.fd < 0) return false;
  pollfd readable{pipe.fd, POLLIN, 0};
  if (poll(&readable, 1, kDeadlineMilliseconds) <= 0) return false;
  char buffer[4096];
  const ssize_t got = read(pipe.fd, buffer, sizeof buffer);
  if (got > 0) pipe.text.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

ProgramResult run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& variables) {
  Program program(arguments, "", Program::Terminal::kNone, variables);
  const int code = program.wait();
  return {code, program.output(), program.errors()};
}

ServeProgram::ServeProgram(std::vector<std::string> options, const std::vector<std::string>& variables)
    : program_(with_port(std::move(options)), "", Program::Terminal::kNone, variables) {
  const std::string line = program_.await_line();
  const std::string expected = "millrace: listening on ";
  if (line.substr(0, expected.size()) != expected) throw std::runtime_error("serve said: " + line);
  url_ = line.substr(expected.size());
}

bool allow_open_files(std::size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return true;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace millrace::test
