// TlsContext and TlsSession: TLS over a non-blocking socket that somebody else waits for.
//
// cpp-httplib's own TLS client is not used: it waits in select(), where close() cannot reach it and descriptors above
// 1023 do not fit, writes without MSG_NOSIGNAL, and matches host names by rules of its own.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "millrace/client/options.h"

namespace millrace {

class TlsContext {
 public:
  /// Throws std::invalid_argument if the CA file cannot be read.
  explicit TlsContext(const TlsOptions& options);

  SSL_CTX* context() const { return context_.get(); }
  BIO_METHOD* socket_method() const { return socket_method_.get(); }
  bool verifies() const { return verify_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
  };
  std::unique_ptr<BIO_METHOD, Free> socket_method_;
  std::unique_ptr<SSL_CTX, Free> context_;
  bool verify_;
};

class TlsSession {
 public:
  enum class Status {
    kDone,
    kWantRead,   ///< call again when the socket is readable
    kWantWrite,  ///< call again when the socket is writable
    kEnd,        ///< the server has closed the session
    kError,      ///< error() says what happened
  };

  /// `fd` is non-blocking and outlives the session; `host` is the name or address to be proved.
  TlsSession(const TlsContext& context, int fd, const std::string& host);

  Status handshake();
  Status read(char* buffer, std::size_t size, std::size_t& got);
  Status write(const char* data, std::size_t size, std::size_t& put);

  const std::string& error() const { return error_; }

 private:
  Status status_of(int result);

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
  int fd_;
  std::string error_;
};

}  // namespace millrace
