#include "system_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace millrace {

namespace {

[[noreturn]] void fail(const std::string& doing, const std::string& path, int error) {
  throw FileError("cannot " + doing + " " + path + ": " + std::strerror(error), error == ENOENT);
}

template <typename Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// macOS's fsync() leaves the bytes in the cache of the disk.
int sync_descriptor(int file) {
#ifdef F_FULLFSYNC
  if (::fcntl(file, F_FULLFSYNC) == 0) return 0;
  return ::fsync(file);
#else
  return ::fdatasync(file);
#endif
}

void sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail("open the folder", path, errno);
  const int result = ::fsync(folder);
  const int error = errno;
  ::close(folder);
  if (result != 0) fail("sync the folder", path, error);
}

class SystemFile final : public LogFile {
 public:
  SystemFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  ~SystemFile() override { ::close(file_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  void append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written = uninterrupted([&] { return ::write(file_, bytes.data(), bytes.size()); });
      if (written < 0) fail("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  // An interrupted sync is not repeated: what it has left undone is unknown.
  void sync() override {
    if (sync_descriptor(file_) != 0) fail("sync", path_, errno);
  }
  void truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(file_, static_cast<off_t>(size)); }) != 0) fail("cut", path_, errno);
  }
  std::string read(std::uint64_t offset, std::size_t size) const override {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const auto count = uninterrupted(
          [&] { return ::pread(file_, bytes.data() + done, size - done, static_cast<off_t>(offset + done)); });
      if (count < 0) fail("read", path_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
    return bytes;
  }
  std::uint64_t size() const override {
    struct stat status {};
    if (::fstat(file_, &status) != 0) fail("look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  const std::string path_;
  const int file_;
};

}  // namespace

// A program that ended too early may have created the folder. Its parent need not be readable.
void SystemFolder::sync_parent_of_existing() {
  try {
    sync_folder(path_ + "/..");
  } catch (const FileError&) {
    // Then whoever created the folder sees to it.
  }
}

void SystemFolder::make() {
  if (::mkdir(path_.c_str(), 0700) == 0) {
    sync_folder(path_ + "/..");  // or a power cut may take the folder with all that is in it
  } else if (errno != EEXIST) {
    fail("create the folder", path_, errno);
  } else {
    sync_parent_of_existing();
  }
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) fail("look at", path_, errno);
  if (!S_ISDIR(status.st_mode)) fail("use", path_, ENOTDIR);
}

std::unique_ptr<LogFile> SystemFolder::open(const std::string& name, int flags) {
  const std::string path = path_of(name);
  const int file = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); });
  if (file < 0) fail("open", path, errno);
  return std::make_unique<SystemFile>(path, file);
}

std::unique_ptr<LogFile> SystemFolder::open(const std::string& name) {
  return open(name, O_RDONLY);
}

std::unique_ptr<LogFile> SystemFolder::open_to_append(const std::string& name) {
  return open(name, O_RDWR | O_APPEND);
}

std::unique_ptr<LogFile> SystemFolder::create(const std::string& name) {
  return open(name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
}

void SystemFolder::rename(const std::string& name, const std::string& new_name) {
  if (::rename(path_of(name).c_str(), path_of(new_name).c_str()) != 0) fail("rename", path_of(name), errno);
}

void SystemFolder::remove(const std::string& name) {
  if (::unlink(path_of(name).c_str()) != 0 && errno != ENOENT) fail("remove", path_of(name), errno);
}

std::vector<std::string> SystemFolder::list() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_.c_str()), ::closedir);
  if (folder == nullptr) fail("read the folder", path_, errno);
  std::vector<std::string> names;
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): each thread has its own stream.
  while (const dirent* entry = ::readdir(folder.get())) names.emplace_back(entry->d_name);
  if (errno != 0) fail("read the folder", path_, errno);
  return names;
}

void SystemFolder::sync() {
  sync_folder(path_);
}

}  // namespace millrace
