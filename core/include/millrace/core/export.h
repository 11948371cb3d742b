/* MILLRACE_API: what a shared library of Millrace offers to programs. Everything else is hidden in it. C and C++. */
#pragma once

#if defined(__GNUC__) && !defined(_WIN32)
#define MILLRACE_API __attribute__((visibility("default")))
#else
#define MILLRACE_API
#endif
