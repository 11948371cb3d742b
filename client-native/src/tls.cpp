#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <stdexcept>

namespace millrace {

namespace {

// OpenSSL's own socket BIO write()s, and a server that has gone away would then end the program by SIGPIPE.
int send_to_socket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(*static_cast<int*>(BIO_get_data(bio)), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int receive_from_socket(BIO* bio, char* buffer, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = recv(*static_cast<int*>(BIO_get_data(bio)), buffer, static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long control_socket(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // nothing is held back, so flushing is done
}

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "TLS failed" : reason;
}

// The session's calls tell what went wrong through OpenSSL's error queue and errno, both of which must be empty before.
void forget_errors() {
  ERR_clear_error();
  errno = 0;
}

bool is_address(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

int clamp_to_int(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

TlsContext::TlsContext(const TlsOptions& options)
    : socket_method_(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace socket")),
      context_(SSL_CTX_new(TLS_client_method())),
      verify_(options.verify) {
  if (!socket_method_ || !context_) throw std::bad_alloc();
  BIO_meth_set_write(socket_method_.get(), send_to_socket);
  BIO_meth_set_read(socket_method_.get(), receive_from_socket);
  BIO_meth_set_ctrl(socket_method_.get(), control_socket);

  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context_.get());
  } else if (SSL_CTX_load_verify_locations(context_.get(), options.ca_file.c_str(), nullptr) != 1) {
    throw std::invalid_argument("tls.ca_file \"" + options.ca_file + "\": cannot be read as PEM certificates (" +
                                openssl_error() + ")");
  }
}

TlsSession::TlsSession(const TlsContext& context, int fd, const std::string& host)
    : ssl_(SSL_new(context.context())), fd_(fd) {
  BIO* bio = ssl_ ? BIO_new(context.socket_method()) : nullptr;
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &fd_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);

  if (is_address(host)) {
    if (context.verifies()) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
    return;
  }
  SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  if (context.verifies()) {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl_.get(), host.c_str());
  }
}

TlsSession::Status TlsSession::handshake() {
  forget_errors();
  return status_of(SSL_connect(ssl_.get()));
}

TlsSession::Status TlsSession::read(char* buffer, std::size_t size, std::size_t& got) {
  forget_errors();
  const int result = SSL_read(ssl_.get(), buffer, clamp_to_int(size));
  got = result > 0 ? static_cast<std::size_t>(result) : 0;
  return status_of(result);
}

TlsSession::Status TlsSession::write(const char* data, std::size_t size, std::size_t& put) {
  forget_errors();
  const int result = SSL_write(ssl_.get(), data, clamp_to_int(size));
  put = result > 0 ? static_cast<std::size_t>(result) : 0;
  return status_of(result);
}

TlsSession::Status TlsSession::status_of(int result) {
  if (result > 0) return Status::kDone;
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Status::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Status::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kEnd;
    case SSL_ERROR_SYSCALL:
      error_ = system_error == 0 ? "the server hung up" : std::strerror(system_error);
      return Status::kError;
    default:
      break;
  }
  const long verification = SSL_get_verify_result(ssl_.get());
  if (!SSL_is_init_finished(ssl_.get()) && verification != X509_V_OK) {
    error_ = std::string("the server's certificate is not accepted: ") + X509_verify_cert_error_string(verification);
  } else {
    error_ = openssl_error();
  }
  return Status::kError;
}

}  // namespace millrace
