// PostgresServer: a real PostgreSQL, as a process of its own, on 127.0.0.1. It does not run as root: as root, the test
// starts it as the user `postgres`, whom Debian's package makes.
#pragma once

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "temporary_folder.h"

namespace millrace::test {

class PostgresServer {
 public:
  /// `settings` as on its command line: `-c`, `name=value`.
  explicit PostgresServer(std::vector<std::string> settings = {}) : settings_(std::move(settings)), port_(free_port()) {
    data_ = folder_.path("data");
    std::filesystem::permissions(std::filesystem::path(data_).parent_path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(data_);
    if (const passwd* owner = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; owner != nullptr) {
      if (::chown(data_.c_str(), owner->pw_uid, owner->pw_gid) != 0) throw std::runtime_error("cannot give data away");
      as_owner_ = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
    }
    const pid_t made =
        spawn({program("initdb"), "-D", data_, "-N", "-A", "trust", "-U", "millrace", "-E", "UTF8", "--locale=C"});
    int status = 0;
    ::waitpid(made, &status, 0);
    if (status != 0) throw std::runtime_error("initdb fails");
    start();
  }
  ~PostgresServer() { kill(); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& user = "millrace", const std::string& database = "postgres") const {
    return "postgres://" + user + "@127.0.0.1:" + std::to_string(port_) + "/" + database;
  }

  /// Returns once it lets connections in. It has what it had before.
  void start() {
    // The processes of one that was killed may take a moment to notice.
    if (!eventually([this] { return is_up(); })) throw std::runtime_error("PostgreSQL does not start");
  }
  /// At once, without a word.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  void signal(int number) const { ::kill(process_, number); }

 private:
  bool is_up() {
    if (process_ <= 0 || ::waitpid(process_, nullptr, WNOHANG) == process_) {
      std::vector<std::string> command = {
          program("postgres"),       "-D", data_, "-p", std::to_string(port_), "-c", "listen_addresses=127.0.0.1", "-c",
          "unix_socket_directories="};
      command.insert(command.end(), settings_.begin(), settings_.end());
      process_ = spawn(command);
    }
    const pid_t asked = spawn({program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", std::to_string(port_)});
    int status = 0;
    ::waitpid(asked, &status, 0);
    return status == 0;
  }
  // Debian keeps them by version.
  static std::string program(const std::string& name) {
    std::vector<std::string> found;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      const auto path = version.path() / "bin" / name;
      if (std::filesystem::exists(path)) found.push_back(path.string());
    }
    if (found.empty()) throw std::runtime_error("PostgreSQL is not installed (Debian: postgresql)");
    return *std::max_element(found.begin(), found.end());
  }
  pid_t spawn(std::vector<std::string> command) const {
    command.insert(command.begin(), as_owner_.begin(), as_owner_.end());
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const std::string log = folder_.path("log");
    for (const int file : {STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&files, file, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    }
    pid_t process = -1;
    const int error = ::posix_spawnp(&process, command.front().c_str(), &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + command.front());
    return process;
  }

  TemporaryFolder folder_;
  std::vector<std::string> settings_;
  std::vector<std::string> as_owner_;
  std::string data_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace millrace::test
