// A cpp-httplib of another version, as a newer one earlier on the include path would be.
#pragma once
#include_next <httplib.h>
#undef CPPHTTPLIB_VERSION
#define CPPHTTPLIB_VERSION "0.99.0"
