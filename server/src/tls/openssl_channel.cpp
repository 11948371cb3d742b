#include "openssl_channel.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "pem.h"
#include "socket_calls.h"

namespace millrace {

namespace {

constexpr char kHandshakeRecord = 0x16;  // [RFC 8446 5.1]

// More than any flight of a handshake: cuts a client that makes the server send more than the client reads.
constexpr std::size_t kMaxUnsentBytes = 128 * 1024;

// Splits the bytes of buffers into pieces that fit into a record, and joins small buffers.
class Pieces {
 public:
  explicit Pieces(std::span<const iovec> buffers) : buffers_(buffers) {}

  /// The next piece, valid until the next call; empty at the end.
  std::string_view next() {
    while (!buffers_.empty() && begin_ == buffers_.front().iov_len) pass();
    if (buffers_.empty()) return {};
    const std::string_view first = rest();
    if (first.size() >= TlsChannel::kMaxPlainBytes || buffers_.size() == 1) {
      begin_ += std::min(first.size(), TlsChannel::kMaxPlainBytes);
      return first.substr(0, TlsChannel::kMaxPlainBytes);
    }
    static thread_local std::array<char, TlsChannel::kMaxPlainBytes> joined;
    std::size_t size = 0;
    while (!buffers_.empty() && size < joined.size()) {
      const std::size_t part = rest().copy(joined.data() + size, joined.size() - size);
      size += part;
      begin_ += part;
      if (begin_ == buffers_.front().iov_len) pass();
    }
    return {joined.data(), size};
  }

 private:
  std::string_view rest() const {
    return std::string_view(static_cast<const char*>(buffers_.front().iov_base), buffers_.front().iov_len)
        .substr(begin_);
  }
  void pass() {
    buffers_ = buffers_.subspan(1);
    begin_ = 0;
  }

  std::span<const iovec> buffers_;
  std::size_t begin_ = 0;  // the start of the rest of the first buffer
};

std::string subject_of(SSL& ssl) {
  const CertificatePtr certificate(SSL_get1_peer_certificate(&ssl));
  if (certificate == nullptr || SSL_get_verify_result(&ssl) != X509_V_OK) return {};
  const BioPtr text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

// For common errors, a sentence that tells operators what to do.
std::string sentence_of(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "the client supports TLS up to version 1.1 only; this server supports 1.2 and 1.3";
    case SSL_R_NO_SHARED_CIPHER:
      return "the client and the server have no cipher in common that the server's certificates can be used with";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return "the client does not trust the server's certificate: does the chain have all certificates between it and "
             "the root?";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "the client regards the server's certificate as expired";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the client has sent no certificate";
    default: {
      const char* const reason = ERR_reason_error_string(error);
      return reason != nullptr ? std::string("OpenSSL: ") + reason : std::string();
    }
  }
}

}  // namespace

OpensslChannel::OpensslChannel(SSL_CTX& context, int socket, std::shared_ptr<const void> kept)
    : socket_(socket), rare_(std::make_unique<Rare>(Rare{std::move(kept), {}, {}})), ssl_(SSL_new(&context)) {
  BIO* const bio = BIO_new(method());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_accept_state(ssl_.get());
}

OpensslChannel::~OpensslChannel() = default;

OpensslChannel& OpensslChannel::of(SSL* ssl) {
  return *static_cast<OpensslChannel*>(SSL_get_app_data(ssl));
}

// --- Input and output of OpenSSL, under the lock -------------------------------------------------------------------

const BIO_METHOD* OpensslChannel::method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const one = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace");
    if (one == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(one, &OpensslChannel::read_socket);
    BIO_meth_set_write(one, &OpensslChannel::take_record);
    BIO_meth_set_ctrl(one, &OpensslChannel::control);
    return one;
  }();
  return kMethod;
}

int OpensslChannel::read_socket(BIO* bio, char* data, int size) {
  auto& channel = *static_cast<OpensslChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t count = 0;
  do {
    count = ::recv(channel.socket_, data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  channel.has_ended_ = channel.has_ended_ || count == 0;
  if (count > 0 && !std::exchange(channel.has_read_, true)) channel.begins_as_tls_ = data[0] == kHandshakeRecord;
  // Reports other input than TLS at once, without waiting for the length of a record.
  return channel.has_read_ && !channel.begins_as_tls_ ? -1 : static_cast<int>(count);
}

int OpensslChannel::take_record(BIO* bio, const char* data, int size) {
  auto& channel = *static_cast<OpensslChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (channel.sink_->size() > kMaxUnsentBytes && channel.sink_ == &channel.unsent_) return -1;
  try {
    channel.sink_->append(data, static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    return -1;
  }
  return size;
}

long OpensslChannel::control(BIO* bio, int command, long, void*) {
  const auto& channel = *static_cast<const OpensslChannel*>(BIO_get_data(bio));
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return channel.has_ended_ ? 1 : 0;
    default:
      return 0;
  }
}

// --- The handshake --------------------------------------------------------------------------------------------------

TlsChannel::Handshake OpensslChannel::shake_hands() {
  const MutexLock lock(mutex_);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    rare_->client_subject = subject_of(*ssl_);
    note_unsent();
    return Handshake::kDone;
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) {
    note_unsent();
    return Handshake::kWaits;
  }
  is_broken_ = true;
  if (has_read_ && !begins_as_tls_) {
    keep({});  // drops the alert: the client does not speak TLS
    ERR_clear_error();
    return Handshake::kClearText;
  }
  if (!has_ended_) remark_failure();
  ERR_clear_error();
  note_unsent();
  return Handshake::kFailed;
}

void OpensslChannel::remark_failure() {
  const unsigned long error = ERR_peek_error();
  if (ERR_GET_REASON(error) == SSL_R_NO_APPLICATION_PROTOCOL) return;  // choose_protocol() has reported it
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string sentence = verified == X509_V_OK ? sentence_of(error)
                                               : std::string("the client's certificate is not accepted: ") +
                                                     X509_verify_cert_error_string(verified);
  // Keeps the earlier remark, too: most clients that get a certificate for another name disconnect.
  if (!rare_->remark.sentence.empty()) return remark(rare_->remark.kind, rare_->remark.sentence + "; " + sentence);
  remark(sentence, sentence);
}

void OpensslChannel::remark(std::string kind, std::string sentence) {
  if (rare_ != nullptr) rare_->remark = {std::move(kind), std::move(sentence)};
}

TlsChannel::Remark OpensslChannel::take_remark() {
  if (rare_ == nullptr) return {};
  Remark remark = std::move(rare_->remark);
  rare_->kept.reset();
  if (rare_->client_subject.empty()) rare_.reset();
  return remark;
}

std::string_view OpensslChannel::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool OpensslChannel::is_resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

const std::string& OpensslChannel::client_subject() const {
  static const std::string kNone;
  return rare_ != nullptr ? rare_->client_subject : kNone;
}

// --- Bytes ----------------------------------------------------------------------------------------------------------

ssize_t OpensslChannel::read(char* data, std::size_t size) {
  const MutexLock lock(mutex_);
  if (is_broken_) return -EPIPE;
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), data, size, &count);
  const ssize_t outcome = result == 1 ? static_cast<ssize_t>(count) : read_failed(result);
  // Reading may have produced an answer of the protocol.
  if (!unsent_.empty()) send_unsent();
  return outcome;
}

ssize_t OpensslChannel::read_failed(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      is_broken_ = true;
      ERR_clear_error();
      return -EPROTO;
  }
}

bool OpensslChannel::has_pending_input() const {
  const MutexLock lock(mutex_);
  return SSL_has_pending(ssl_.get()) == 1;
}

ssize_t OpensslChannel::write(std::span<const iovec> buffers) {
  const MutexLock lock(mutex_);
  if (const int error = send_unsent(); error != 0) return -error;
  // After a failed handshake or read, only the alert is sent.
  Pieces pieces(buffers);
  ssize_t taken = 0;
  static thread_local std::string record;
  while (unsent_.empty()) {
    const std::string_view piece = pieces.next();
    if (piece.empty()) break;
    record.clear();
    if (is_broken_ || !seal_into(piece, record)) return -EPROTO;
    taken += static_cast<ssize_t>(piece.size());
    if (const int error = send(record); error != 0) return -error;
  }
  return taken;
}

TlsChannel::Sealed OpensslChannel::seal(std::string_view bytes, std::string& arena) {
  const MutexLock lock(mutex_);
  const std::string_view piece = bytes.substr(0, kMaxPlainBytes);
  const std::size_t begin = arena.size();
  if (is_broken_ || !unsent_.empty() || !seal_into(piece, arena)) return {};
  return {.plain = piece.size(), .record = std::string_view(arena).substr(begin)};
}

bool OpensslChannel::settle(std::string_view record, ssize_t result) {
  const MutexLock lock(mutex_);
  if (is_broken_ || (result < 0 && result != -EAGAIN)) return false;
  if (!record.empty()) keep(record.substr(static_cast<std::size_t>(std::max<ssize_t>(result, 0))));
  return !is_broken_;
}

void OpensslChannel::say_goodbye() {
  const MutexLock lock(mutex_);
  if (is_broken_ || send_unsent() != 0 || !unsent_.empty()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  send_unsent();
}

// Seals `bytes`, which fit into a record, and appends the record to `records`.
bool OpensslChannel::seal_into(std::string_view bytes, std::string& records) {
  ERR_clear_error();
  sink_ = &records;
  std::size_t sealed = 0;
  const bool is_sealed = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sealed) == 1 && sealed == bytes.size();
  sink_ = &unsent_;
  if (!is_sealed) is_broken_ = true;
  return is_sealed;
}

// Returns 0 or an errno. Keeps what the socket does not take.
int OpensslChannel::send(std::string_view record) {
  while (!record.empty()) {
    const ssize_t count = ::send(socket_, record.data(), record.size(), kSendFlags);
    if (count >= 0) {
      record.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      is_broken_ = true;
      return errno;
    }
  }
  keep(record);
  return is_broken_ && !record.empty() ? ENOMEM : 0;
}

int OpensslChannel::send_unsent() {
  if (unsent_.empty()) return 0;
  const std::string record = std::exchange(unsent_, {});
  return send(record);
}

// Without memory for the bytes, the connection counts as broken.
void OpensslChannel::keep(std::string_view unsent) {
  if (!unsent.empty()) {
    try {
      unsent_.assign(unsent);
    } catch (const std::bad_alloc&) {
      is_broken_ = true;
    }
  } else if (unsent_.capacity() > 0) {
    std::string().swap(unsent_);  // assigning an empty string would keep the memory
  }
  note_unsent();
}

void OpensslChannel::note_unsent() {
  has_unsent_.store(!unsent_.empty(), std::memory_order_relaxed);
}

}  // namespace millrace
