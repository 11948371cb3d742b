// Preloaded into a program (LD_PRELOAD), it notes how much of each file whose name ends with .aof is synced: in a file
// of the same name in the folder MILLRACE_SYNCED_SIZES. A test that kills the program cuts its files there, which is
// what a power cut leaves of files that only grow.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using Sync = int (*)(int);

std::string path_of(int file) {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return path;
}

void note(int file, off_t size) {
  const char* folder = std::getenv("MILLRACE_SYNCED_SIZES");
  const std::string path = path_of(file);
  if (folder == nullptr || !std::string_view(path).ends_with(".aof")) return;
  const std::string noted = std::string(folder) + path.substr(path.rfind('/'));
  const std::string text = std::to_string(size) + "\n";
  // Of one write: it is killed before or after. Its threads may sync the same file at once.
  const std::string draft = noted + "." + std::to_string(::gettid());
  const int out = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0 || ::write(out, text.data(), text.size()) < 0) std::abort();
  ::close(out);
  if (::rename(draft.c_str(), noted.c_str()) != 0) std::abort();
}

int sync_and_note(const char* name, int file) {
  struct stat before {};
  const bool is_known = ::fstat(file, &before) == 0;  // what is written in the meantime may not be synced
  const auto real = reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, name));
  const int result = real(file);
  if (result == 0 && is_known) note(file, before.st_size);
  return result;
}

}  // namespace

extern "C" int fdatasync(int file) {
  return sync_and_note("fdatasync", file);
}

extern "C" int fsync(int file) {
  return sync_and_note("fsync", file);
}
