#include "link.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <stdexcept>

#include "socket_calls.h"

namespace millrace::load {

namespace {

bool wait_for(int socket, short events) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) > 0;
}

// For all links of a process; it lasts as long as the process.
int keep_first(SSL* ssl, SSL_SESSION* session) {
  SSL_CTX* const context = SSL_get_SSL_CTX(ssl);
  if (SSL_CTX_get_app_data(context) != nullptr) return 0;
  SSL_CTX_set_app_data(context, session);
  return 1;
}

}  // namespace

TlsSetUp tls_set_up(const Load& load) {
  if (!load.tls) return nullptr;
  TlsSetUp context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (load.verify_tls) SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (load.resume_tls) {
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), &keep_first);
  }
  const bool is_trusting = load.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                                : SSL_CTX_load_verify_file(context.get(), load.ca_file.c_str()) == 1;
  if (load.http2) {
    constexpr std::string_view kProtocol = "\x02h2";  // [RFC 7301 3.1]
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(kProtocol.data()), kProtocol.size());
  }
  ERR_clear_error();
  if (!is_trusting) throw std::runtime_error("--cacert \"" + load.ca_file + "\": contains no readable certificate");
  return context;
}

Link::Link(int socket, SSL_CTX* tls, const std::string& host) : socket_(socket) {
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket) != 1) throw std::bad_alloc();
  SSL_set1_host(ssl_.get(), host.substr(0, host.rfind(':')).c_str());
  if (const auto* const session = static_cast<const SSL_SESSION*>(SSL_CTX_get_app_data(tls))) {
    // A copy, because OpenSSL lets each session be used once.
    SSL_SESSION* const own = SSL_SESSION_dup(session);
    SSL_set_session(ssl_.get(), own);
    SSL_SESSION_free(own);
  }
  SSL_set_connect_state(ssl_.get());
}

void Link::reset_at_end() const {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Link::~Link() {
  if (ssl_ != nullptr)
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // keeps its session valid
  ssl_.reset();
  ::close(socket_);
}

std::unique_ptr<Link> Link::connect(const Load& load, SSL_CTX* tls) {
  auto link = std::make_unique<Link>(connect_to(load.server), tls, load.host);
  if (tls == nullptr) return link;
  const int flags = ::fcntl(link->socket_, F_GETFL);
  ::fcntl(link->socket_, F_SETFL, flags | O_NONBLOCK);
  while (true) {
    const Handshake handshake = link->shake_hands();
    if (handshake == Handshake::kDone) return link;
    if (handshake == Handshake::kFailed)
      throw std::runtime_error("the TLS handshake failed; see --cacert and --insecure-tls");
    if (!wait_for(link->socket_, POLLIN)) throw std::runtime_error("the server does not answer the TLS handshake");
  }
}

Link::Handshake Link::shake_hands() {
  has_begun_ = true;
  if (ssl_ == nullptr) return Handshake::kDone;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Handshake::kDone;
  return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ ? Handshake::kWaits : Handshake::kFailed;
}

bool Link::may_speak_http2() const {
  if (ssl_ == nullptr) return true;
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

ssize_t Link::failed(int result) const {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      return -EPROTO;
  }
}

ssize_t Link::read(char* data, std::size_t size) {
  if (ssl_ == nullptr) {
    const ssize_t count = ::recv(socket_, data, size, MSG_DONTWAIT);
    if (count >= 0) return count;
    return errno == EINTR ? -EAGAIN : -errno;
  }
  // A record has at most 16 KiB: reads several together, as without TLS.
  std::size_t sum = 0;
  while (sum < size) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), data + sum, size - sum, &count);
    if (result != 1) return sum > 0 ? static_cast<ssize_t>(sum) : failed(result);
    sum += count;
  }
  return static_cast<ssize_t>(sum);
}

ssize_t Link::write(std::string_view bytes) {
  if (ssl_ == nullptr) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), kSendFlags);
    return count >= 0 ? count : -errno;
  }
  if (bytes.empty()) return 0;
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  return result == 1 ? static_cast<ssize_t>(count) : failed(result);
}

bool Link::wait_for_input() const {
  return has_pending() || wait_for(socket_, POLLIN);
}

void Link::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(bytes);
    if (count == -EAGAIN && wait_for(socket_, POLLOUT)) continue;
    if (count <= 0) throw std::runtime_error("the server does not accept a request");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace millrace::load
