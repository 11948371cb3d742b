// A system that refuses a call, as an old kernel or a sandbox does: by seccomp, for one thread and what it starts.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <thread>

namespace millrace::test {

/// Runs `run` on a thread for which the system call fails with `error`, as it does for all threads and programs that it
/// starts. Returns once it has returned.
template <typename Run>
void where_system_call_fails(long number, int error, const Run& run) {
  std::thread([&] {
    const std::array<sock_filter, 4> code{{
        {.code = BPF_LD | BPF_W | BPF_ABS, .jt = 0, .jf = 0, .k = offsetof(seccomp_data, nr)},
        {.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 0, .jf = 1, .k = static_cast<unsigned>(number)},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ERRNO | static_cast<unsigned>(error)},
        {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW},
    }};
    const sock_fprog program{.len = code.size(), .filter = const_cast<sock_filter*>(code.data())};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      throw std::runtime_error("cannot filter system calls");
    }
    run();
  }).join();
}

}  // namespace millrace::test
