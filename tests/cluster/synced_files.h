// SyncedFiles: what a process has on its disk, should the power go now: each file as it was when it was last synced.
//
// strace reports the process's syncs, and the ends of writing to files that were opened with O_SYNC; each time the file
// is copied. A copy may have a little more than was synced, never less. What there is at the beginning counts as
// synced. A file in the place of another that was never synced is the other again. As root, or where a process may
// trace its siblings.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.h"

namespace millrace::test {

class SyncedFiles {
 public:
  /// Of this process, in this folder. Returns once it sees the process's syncs.
  SyncedFiles(pid_t process, std::string folder) : folder_(std::move(folder)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    tracer_ = ::fork();
    if (tracer_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    const std::string number = std::to_string(process);
    if (tracer_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      ::execlp("strace", "strace", "-f", "-y", "-e", "trace=fsync,fdatasync,openat,close", "-p", number.c_str(),
               nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    reader_ = std::thread([this, file = ::fdopen(ends[0], "r")] { read(file); });
    if (!eventually([this] { return is_attached_.load() || is_over_.load(); }) || is_over_) {
      throw std::runtime_error("strace does not see process " + number + " (Debian: strace; as root)");
    }
    for (const auto& path : files()) note(path.string());
  }
  ~SyncedFiles() { finish(); }
  SyncedFiles(const SyncedFiles&) = delete;
  SyncedFiles& operator=(const SyncedFiles&) = delete;

  /// After the process was killed: makes the folder's files what was synced of them, and removes those that never were.
  void lose_the_rest() {
    finish();
    for (const auto& path : files()) {
      const auto file = by_file_.find(inode_of(path));
      const auto name = by_name_.find(path.string());
      if (file != by_file_.end() || name != by_name_.end()) {
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            << (file != by_file_.end() ? file->second : name->second);
      } else {
        std::filesystem::remove(path);
      }
    }
  }

 private:
  static ino_t inode_of(const std::filesystem::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> paths;
    std::error_code gone;  // a file may go while it is looked at
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_, gone)) {
      if (entry.is_regular_file(gone)) paths.push_back(entry.path());
    }
    return paths;
  }
  void note(const std::string& name) {
    std::ifstream synced(name, std::ios::binary);
    if (!synced) return;
    std::string contents(std::istreambuf_iterator<char>(synced), {});
    const std::lock_guard lock(mutex_);
    by_file_[inode_of(name)] = contents;
    by_name_[name] = std::move(contents);
  }
  // Lines such as `[pid 7] fsync(9</tmp/x/1.blk>) = 0`; strace says of its own that it is attached.
  void read(std::FILE* file) {
    std::set<std::string> written_through;
    char line[8'192];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      const std::string text = line;
      if (text.find("attached") != std::string::npos) is_attached_ = true;
      const std::size_t begin = text.find(folder_);
      if (begin == std::string::npos) continue;
      const std::string name = text.substr(begin, text.find_first_of("\">", begin) - begin);
      if (text.find("openat(") != std::string::npos) {
        if (text.find("O_SYNC") != std::string::npos) written_through.insert(name);
      } else if (text.find("sync(") != std::string::npos || written_through.erase(name) > 0) {
        note(name);
      }
    }
    std::fclose(file);
    is_over_ = true;
  }
  void finish() {
    if (tracer_ > 0) {
      ::kill(tracer_, SIGTERM);
      ::waitpid(tracer_, nullptr, 0);
      tracer_ = -1;
    }
    if (reader_.joinable()) reader_.join();
  }

  const std::string folder_;
  pid_t tracer_ = -1;
  std::thread reader_;
  std::atomic<bool> is_attached_ = false;
  std::atomic<bool> is_over_ = false;
  std::mutex mutex_;
  std::map<ino_t, std::string> by_file_;  // guarded by mutex_; files are renamed
  std::map<std::string, std::string> by_name_;
};

}  // namespace millrace::test
