#include "lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include <cerrno>
#include <cstring>

#include "millrace/server/publication.h"

namespace millrace {

LockFile::LockFile(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0) throw StoreUnavailable("cannot create " + path + ": " + std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(file_);
  throw StoreUnavailable(error == EWOULDBLOCK ? "another program uses the store"
                                              : "cannot lock " + path + ": " + std::strerror(error));
}

std::string LockFile::text() const {
  std::string text(64, '\0');
  const ssize_t size = ::pread(file_, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

void LockFile::set_text(const std::string& text) const noexcept {
  const bool is_written = ::pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (is_written && ::ftruncate(file_, static_cast<off_t>(text.size())) == 0) ::fsync(file_);
}

bool is_in_memory(const std::string& path) {
#ifdef __linux__
  struct statfs system {};
  return ::statfs(path.c_str(), &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
#else
  static_cast<void>(path);
  return false;
#endif
}

// Keeps the file, because another program may be waiting to lock it.
LockFile::~LockFile() {
  ::close(file_);
}

}  // namespace millrace
