#include "cpu_profiler.h"

#include <gperftools/profiler.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace millrace::cli {

namespace {

// A file without a name, which nobody else can open and which ends with this object.
class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("millrace-profile", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (file_ >= 0) ::close(file_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// By which this process opens it again.
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

  std::size_t size() const {
    struct stat found {};
    return ::fstat(file_, &found) == 0 ? static_cast<std::size_t>(found.st_size) : 0;
  }

  /// The first `bytes` bytes.
  std::string text(std::size_t bytes) const {
    std::string text(bytes, '\0');
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count = ::pread(file_, text.data() + done, text.size() - done, static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
    text.resize(done);
    return text;
  }

 private:
  const int file_;
};

CpuProfile failed(std::string sentence) {
  return {.outcome = CpuProfile::Outcome::kFailed, .text = std::move(sentence)};
}

}  // namespace

CpuProfile CpuProfiler::take(std::chrono::seconds time) {
  const auto end = Clock::now() + std::min(time, kMaxProfileTime);
  {
    const MutexLock lock(mutex_);
    if (is_taking_) {
      const auto left = std::chrono::ceil<std::chrono::seconds>(end_ - Clock::now());
      return {.outcome = CpuProfile::Outcome::kBusy,
              .text = "another profile is being taken: try again when it has ended",
              .free_after = std::max(left, std::chrono::seconds{1})};
    }
    is_taking_ = true;
    end_ = end;
  }
  // Also if memory runs out.
  struct End {
    ~End() {
      const MutexLock lock(of.mutex_);
      of.is_taking_ = false;
    }
    CpuProfiler& of;
  } const when_done{*this};
  return profile_until(end);
}

CpuProfile CpuProfiler::profile_until(Clock::time_point end) {
  const MemoryFile file;
  if (ProfilerStart(file.path().c_str()) == 0) {
    return failed(
        "gperftools could not begin a profile: it needs /proc, and neither CPUPROFILE nor another use of SIGPROF in "
        "this "
        "process");
  }
  {
    MutexLock lock(mutex_);
    stopped_.wait_until(lock, end, [this]() REQUIRES(mutex_) { return is_stopped_; });
  }
  ProfilerStop();
  const std::size_t size = file.size();
  if (size > kMaxProfileBytes) {
    return failed("the profile has more than " + std::to_string(kMaxProfileBytes) + " bytes: ask for fewer seconds");
  }
  return {.outcome = CpuProfile::Outcome::kTaken, .text = file.text(size)};
}

void CpuProfiler::stop() {
  {
    const MutexLock lock(mutex_);
    is_stopped_ = true;
  }
  stopped_.notify_all();
}

}  // namespace millrace::cli
