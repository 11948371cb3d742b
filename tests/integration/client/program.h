// Program: the real `millrace`, run as a process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::test {

class Program {
 public:
  enum class Terminal { kNone, kOutput, kErrors };

  /// Starts it with these arguments; `input` is all there is on its standard input. One of its outputs may be a
  /// terminal, which ends lines with CR LF. It has this process's environment without MILLRACE_…, and `variables`.
  explicit Program(std::vector<std::string> arguments, const std::string& input = "",
                   Terminal terminal = Terminal::kNone, const std::vector<std::string>& variables = {});
  /// Kills it if it still runs.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const;
  pid_t pid() const { return pid_; }

  /// Nobody reads its standard output any more.
  void close_output();

  /// The exit code, once it has ended and closed its outputs; minus the signal's number if one killed it, so -9 where
  /// it did not end in time.
  int wait();

  /// The next line of its standard output, without the line end; empty if none arrives in time.
  std::string read_line();
  /// The same, however long the line takes while the program uses processor time: for what depends on how much there is
  /// to do, and on the machine.
  std::string await_line();
  /// As read_line(), of its standard error.
  std::string read_error_line();

  /// Everything that has not been read as a line; after wait().
  const std::string& output() const { return output_.text; }
  const std::string& errors() const { return errors_.text; }

 private:
  struct Pipe {
    int fd = -1;
    std::string text;
  };
  std::string read_line(Pipe& pipe);
  bool read_more(Pipe& pipe);

  pid_t pid_ = -1;
  Pipe output_;
  Pipe errors_;
};

/// How a run of the program ended, and everything that it wrote.
struct ProgramResult {
  int code = 0;
  std::string output;
  std::string errors;
};

/// Runs it to its end, without input.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});

/// `millrace serve` on a free port of 127.0.0.1.
class ServeProgram {
 public:
  explicit ServeProgram(std::vector<std::string> options, const std::vector<std::string>& variables = {});
  const std::string& url() const { return url_; }
  Program& program() { return program_; }

 private:
  Program program_;
  std::string url_;
};

/// Whether this process, and the programs it starts from now on, may each have so many files open; raises the limit.
bool allow_open_files(std::size_t wanted);

}  // namespace millrace::test
