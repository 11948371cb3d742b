// As if it had been compiled without the flags of the cpp-httplib that the library was built with.
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
#undef CPPHTTPLIB_OPENSSL_SUPPORT
#else
#define CPPHTTPLIB_NO_EXCEPTIONS
#endif
#include "program.cpp"
