// OpensslChannel: a TlsChannel that uses OpenSSL. OpenSSL reads the socket itself, and writes records to the channel's
// buffer.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <string>

#include "mutex.h"
#include "tls_channel.h"

namespace millrace {

struct SslFree {
  void operator()(SSL* one) const { SSL_free(one); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

class OpensslChannel final : public TlsChannel {
 public:
  /// Keeps `kept` as long as the handshake. Throws std::bad_alloc.
  OpensslChannel(SSL_CTX& context, int socket, std::shared_ptr<const void> kept);
  ~OpensslChannel() override;
  OpensslChannel(const OpensslChannel&) = delete;
  OpensslChannel& operator=(const OpensslChannel&) = delete;

  Handshake shake_hands() override;
  Remark take_remark() override;
  std::string_view protocol() const override;
  bool is_resumed() const override;
  const std::string& client_subject() const override;
  ssl_st* native() const override { return ssl_.get(); }

  ssize_t read(char* data, std::size_t size) override;
  bool has_pending_input() const override;
  ssize_t write(std::span<const iovec> buffers) override;
  Sealed seal(std::string_view bytes, std::string& arena) override;
  bool settle(std::string_view record, ssize_t result) override;
  bool has_unsent() const override { return has_unsent_.load(std::memory_order_relaxed); }
  void say_goodbye() override;

  /// Sets the handshake's remark. For the context's callbacks during shake_hands().
  void remark(std::string kind, std::string sentence);
  static OpensslChannel& of(SSL* ssl);

 private:
  // State that only handshakes need, and few connections afterwards.
  struct Rare {
    std::shared_ptr<const void> kept;
    Remark remark;
    std::string client_subject;
  };

  static int read_socket(BIO* bio, char* data, int size);
  static int take_record(BIO* bio, const char* data, int size);
  static long control(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* method();

  void remark_failure();
  ssize_t read_failed(int result) REQUIRES(mutex_);
  bool seal_into(std::string_view bytes, std::string& records) REQUIRES(mutex_);
  int send(std::string_view record) REQUIRES(mutex_);
  int send_unsent() REQUIRES(mutex_);
  void keep(std::string_view unsent) REQUIRES(mutex_);
  void note_unsent() REQUIRES(mutex_);

  const int socket_;
  bool has_read_ = false;       // has read a byte from the socket
  bool begins_as_tls_ = false;  // the first byte was that of a handshake record
  bool has_ended_ = false;      // the client has ended its output
  std::atomic<bool> has_unsent_ = false;
  mutable Mutex mutex_;
  bool is_broken_ GUARDED_BY(mutex_) = false;
  std::string unsent_ GUARDED_BY(mutex_);
  std::string* sink_ = &unsent_;  // the target of records, guarded like unsent_
  std::unique_ptr<Rare> rare_;
  const SslPtr ssl_;
};

}  // namespace millrace
