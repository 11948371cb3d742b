// MILLRACE_API: what the C interface offers from a shared library. C and C++.
#pragma once

/// Marks a function that other programs call.
#if defined(__GNUC__) && !defined(_WIN32)
#define MILLRACE_API __attribute__((visibility("default")))
#else
#define MILLRACE_API
#endif
