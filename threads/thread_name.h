// The name that `top -H`, debuggers and /debug/threads show for a thread: at most 15 characters on Linux, nothing on
// systems other than Linux and macOS.
#pragma once

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace millrace {

/// Names the calling thread.
inline void name_this_thread(const char* name) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#else
  static_cast<void>(name);
#endif
}

/// Names the threads that the calling thread starts while this object exists, for threads that a library starts. Only
/// on Linux, where a new thread inherits the name.
class NameOfNewThreads {
 public:
#if defined(__linux__)
  explicit NameOfNewThreads(const char* name) {
    pthread_getname_np(pthread_self(), own_, sizeof own_);
    name_this_thread(name);
  }
  ~NameOfNewThreads() {
    name_this_thread(own_);
  }
#else
  explicit NameOfNewThreads(const char* name) {
    static_cast<void>(name);
  }
  ~NameOfNewThreads() {}
#endif
  NameOfNewThreads(const NameOfNewThreads&) = delete;
  NameOfNewThreads& operator=(const NameOfNewThreads&) = delete;

#if defined(__linux__)
 private:
  char own_[16] = {};
#endif
};

}  // namespace millrace
