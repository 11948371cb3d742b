// Which cpp-httplib a source is compiled with, as types. The constructors of Server and SslServer have these types in
// their symbols, so that a program whose cpp-httplib differs from the library's does not link; otherwise it would crash
// at its first request. The linker names what the program was compiled with:
//
//   undefined reference to `millrace::Server::Server(millrace::ServerOptions const&,
//     millrace::built_with::CppHttplib<millrace::built_with::Version<0, 53, 1>, millrace::built_with::OpenSsl, …>)'
//
// What the library was built with: nm --demangle libmillrace_server.a | grep -m1 built_with. [docs/install.md]
#pragma once

#include <httplib.h>

#include <array>
#include <cstddef>
#include <string_view>

/// Which cpp-httplib a source is compiled with.
namespace millrace::built_with {

/// A version of cpp-httplib.
template <int kMajor, int kMinor, int kPatch>
struct Version {};

/// TLS by OpenSSL: CPPHTTPLIB_OPENSSL_SUPPORT.
struct OpenSsl {};
/// TLS by Mbed TLS: CPPHTTPLIB_MBEDTLS_SUPPORT.
struct MbedTls {};
/// TLS by wolfSSL: CPPHTTPLIB_WOLFSSL_SUPPORT.
struct WolfSsl {};
/// Compression by zlib: CPPHTTPLIB_ZLIB_SUPPORT.
struct Zlib {};
/// Compression by Brotli: CPPHTTPLIB_BROTLI_SUPPORT.
struct Brotli {};
/// Compression by Zstandard: CPPHTTPLIB_ZSTD_SUPPORT.
struct Zstd {};
/// No exceptions: CPPHTTPLIB_NO_EXCEPTIONS.
struct NoExceptions {};
/// In place of any of them: not used.
struct No {};

/// Sizes of the types that the library and a program exchange: they also detect a changed header.
template <std::size_t kServer, std::size_t kRequest, std::size_t kResponse>
struct Sizes {};

/// Everything that must be the same in the library and the program.
template <typename TheVersion, typename Tls, typename Gzip, typename Br, typename Zst, typename Exceptions,
          typename TheSizes>
struct CppHttplib {};

/// Major, minor and patch number of the header.
inline constexpr std::array<int, 3> kNumbers = [] {
  std::array<int, 3> numbers{};
  std::size_t next = 0;
  for (const char c : std::string_view(CPPHTTPLIB_VERSION)) {
    if (c >= '0' && c <= '9') {
      numbers[next] = numbers[next] * 10 + (c - '0');
    } else if (++next == numbers.size()) {
      break;
    }
  }
  return numbers;
}();

// What this source uses.

#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
/// TLS library.
using Tls = OpenSsl;
#elif defined(CPPHTTPLIB_MBEDTLS_SUPPORT)
/// TLS library.
using Tls = MbedTls;
#elif defined(CPPHTTPLIB_WOLFSSL_SUPPORT)
/// TLS library.
using Tls = WolfSsl;
#else
/// TLS library.
using Tls = No;
#endif
#ifdef CPPHTTPLIB_ZLIB_SUPPORT
/// For gzip and deflate.
using Gzip = Zlib;
#else
/// For gzip and deflate.
using Gzip = No;
#endif
#ifdef CPPHTTPLIB_BROTLI_SUPPORT
/// For br.
using Br = Brotli;
#else
/// For br.
using Br = No;
#endif
#ifdef CPPHTTPLIB_ZSTD_SUPPORT
/// For zstd.
using Zst = Zstd;
#else
/// For zstd.
using Zst = No;
#endif
#ifdef CPPHTTPLIB_NO_EXCEPTIONS
/// Whether exceptions are disabled.
using Exceptions = NoExceptions;
#else
/// Whether exceptions are disabled.
using Exceptions = No;
#endif

/// The cpp-httplib that this source is compiled with.
using ThisCppHttplib = CppHttplib<Version<kNumbers[0], kNumbers[1], kNumbers[2]>, Tls, Gzip, Br, Zst, Exceptions,
                                  Sizes<sizeof(httplib::Server), sizeof(httplib::Request), sizeof(httplib::Response)>>;

}  // namespace millrace::built_with
