// Handshakes take turns with everything else that an event loop does.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "running_server.h"
#include "unread_bytes.h"

namespace millrace::test {
namespace {

// The first bytes of a TLS client.
std::string client_hello() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  BIO* const output = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), output);
  SSL_connect(ssl.get());
  std::string bytes(BIO_ctrl_pending(output), '\0');
  BIO_read(output, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

// A client that has sent its first bytes, and does nothing more.
class Beginner {
 public:
  Beginner(int port, const std::string& hello) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in to{.sin_family = AF_INET,
                         .sin_port = htons(static_cast<std::uint16_t>(port)),
                         .sin_addr = {htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    EXPECT_EQ(::send(socket_, hello.data(), hello.size(), MSG_NOSIGNAL), static_cast<ssize_t>(hello.size()));
  }
  ~Beginner() { ::close(socket_); }
  Beginner(const Beginner&) = delete;
  Beginner& operator=(const Beginner&) = delete;

 private:
  const int socket_;
};

// Each handshake takes as long as with a large key. During the second one another client asks for something: the third
// must not begin before the loop has read that.
struct SlowKey {
  std::promise<void> begin;
  std::future<void> may_begin = begin.get_future();
  std::atomic<RawClient*> other = nullptr;
  std::atomic<int> handshakes = 0;
  std::promise<std::size_t> unread_at_third;

  static int use(SSL*, void* of) {
    auto& key = *static_cast<SlowKey*>(of);
    if (key.other.load() == nullptr) return 1;
    const int nth = ++key.handshakes;
    if (nth == 1) key.may_begin.wait();
    if (nth == 2) key.other.load()->send(get("/nowhere"));
    if (nth == 3) key.unread_at_third.set_value(unread_bytes(*key.other.load()));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return 1;
  }
};

TEST(TlsHandshakes, SlowOnesLetTheLoopReadInBetween) {
  SlowKey key;
  ServerOptions options;
  options.threads.loops = 1;
  options.tls = test_tls();
  options.tls->customize = [&key](ssl_ctx_st& context) {
    SSL_CTX_set_cert_cb(&context, &SlowKey::use, &key);
    return true;
  };
  RunningServer server(options);
  RawClient other(server.port());
  EXPECT_EQ(other.exchange(get("/nowhere")).status, 404);
  key.other = &other;
  const std::string hello = client_hello();
  std::vector<std::unique_ptr<Beginner>> beginners;
  for (int i = 0; i < 9; ++i) beginners.push_back(std::make_unique<Beginner>(server.port(), hello));
  key.begin.set_value();
  auto unread = key.unread_at_third.get_future();
  ASSERT_EQ(unread.wait_for(kDeadline), std::future_status::ready);
  EXPECT_EQ(unread.get(), 0u);
  EXPECT_EQ(other.read_response().status, 404);
}

}  // namespace
}  // namespace millrace::test
