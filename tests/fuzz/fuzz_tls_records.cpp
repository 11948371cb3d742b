// TLS as it comes from the network: a client's records in pieces of any size, the server's taken in part, in the
// handshake and afterwards. Both ends get exactly what the other one wrote. A sealed byte that was changed on the way
// ends the connection, and nothing of its record is handed on.
//
// The first byte says whether the connection is a new one and whether a byte is changed. The others are steps of three
// bytes: what to do, and how much of it.
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "failure.h"
#include "test_tls.h"
#include "tls/tls_context.h"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::size_t kMaxChunk = 40'000;   // more than two records
constexpr std::size_t kMaxBytes = 400'000;  // of an input, so that it is over soon

const TlsContext& context() {
  static const std::unique_ptr<TlsContext> made = [] {
    const TestCertificate certificate = test_authority().issue();
    ServerTls options;
    options.certificates.push_back({.chain = Pem::text(certificate.chain), .key = Pem::text(certificate.key)});
    return TlsContext::make(options, {"h2", "http/1.1"});
  }();
  return *made;
}

// Bytes of which none can go missing unseen.
std::string pattern(std::size_t size) {
  static std::uint32_t state = 1;
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

// The sizes of pieces, from the input's bytes, over and over.
class Cuts {
 public:
  explicit Cuts(std::string_view bytes) : bytes_(bytes) {}

  std::size_t next(std::size_t most) {
    if (bytes_.empty()) return most;
    const auto byte = static_cast<unsigned char>(bytes_[at_++ % bytes_.size()]);
    const std::size_t size = byte < 128 ? byte + 1 : (byte - 127) * std::size_t{300};
    return std::min(most, size);
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

class Line {
 public:
  explicit Line(Cuts& cuts) : cuts_(&cuts), client_({.protocols = {"h2"}}) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) != 0) stop("no sockets");
    const int room = 1 << 20;
    for (const int end : ends_) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    channel_ = context().open(ends_[0]);
    shake_hands();
  }
  ~Line() {
    channel_.reset();
    for (const int end : ends_) close(end);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void cut_by(Cuts& cuts) { cuts_ = &cuts; }
  bool is_broken() const { return is_broken_; }

  /// The client writes. `flip`: this one of the sealed bytes is changed.
  void to_server(std::string_view plain, std::size_t flip) {
    client_.write(plain);
    std::string sealed = client_.take_output();
    const bool is_changed = flip < sealed.size();
    if (is_changed) sealed[flip] = static_cast<char>(sealed[flip] ^ 0x20);
    std::string got;
    while (!sealed.empty() && !is_broken_) {
      send(sealed.substr(0, cuts_->next(sealed.size())));
      sealed.erase(0, sent_);
      read(got);
    }
    if (!is_changed && (is_broken_ || got != plain)) stop("the server has read something else");
    if (is_changed && !plain.starts_with(got)) stop("the server has read changed bytes");
    // A change of a record's length makes the server wait for the rest.
    if (is_changed && got == plain) stop("a changed record was taken");
    if (is_changed) is_broken_ = true;
  }

  /// The server writes, by write() or by seal(), of which the socket takes a part.
  void to_client(std::string plain, bool seals) {
    const std::string all = plain;
    std::string got;
    while (!plain.empty() || channel_->has_unsent()) {
      if (seals && !plain.empty() && !channel_->has_unsent()) {
        plain.erase(0, seal(plain));
      } else {
        iovec buffer{plain.data(), plain.size()};
        const ssize_t taken = channel_->write({&buffer, plain.empty() ? std::size_t{0} : std::size_t{1}});
        if (taken < 0) stop("the server cannot write");
        plain.erase(0, static_cast<std::size_t>(taken));
      }
      receive(got);
    }
    receive(got);
    if (got != all) stop("the client has read something else");
  }

 private:
  void shake_hands() {
    while (true) {
      if (!client_.shake_hands()) stop("the client refuses the handshake: " + client_.error());
      std::string sealed = client_.take_output();
      TlsChannel::Handshake state = TlsChannel::Handshake::kWaits;
      while (!sealed.empty()) {
        send(sealed.substr(0, cuts_->next(sealed.size())));
        sealed.erase(0, sent_);
        state = channel_->shake_hands();
        channel_->write({});
        if (state == TlsChannel::Handshake::kDone && !sealed.empty()) stop("a handshake that is done too early");
      }
      std::string nothing;
      receive(nothing);
      if (state == TlsChannel::Handshake::kDone) break;
      if (state != TlsChannel::Handshake::kWaits) stop("a handshake has failed: " + channel_->take_remark().sentence);
    }
    if (channel_->protocol() != "h2") stop("another protocol");
    channel_->take_remark();
  }

  void send(std::string_view sealed) {
    sent_ = sealed.size();
    if (::send(ends_[1], sealed.data(), sealed.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent_))
      stop("cannot send");
  }

  // All that the server can read now.
  void read(std::string& got) {
    std::array<char, 20'000> buffer;
    while (true) {
      const ssize_t count = channel_->read(buffer.data(), cuts_->next(buffer.size()));
      if (count == -EAGAIN) return;
      if (count <= 0) {
        is_broken_ = true;
        return;
      }
      got.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  std::size_t seal(std::string_view plain) {
    std::string arena;
    arena.reserve(TlsChannel::kMaxSealedBytes);
    const TlsChannel::Sealed sealed = channel_->seal(plain, arena);
    if (sealed.record.empty()) stop("seals nothing though nothing is unsent");
    if (sealed.record.size() > TlsChannel::kMaxSealedBytes) stop("seals too much");
    const std::size_t taken = cuts_->next(sealed.record.size());
    if (::send(ends_[0], sealed.record.data(), taken, MSG_NOSIGNAL) != static_cast<ssize_t>(taken)) stop("cannot send");
    if (!channel_->settle(sealed.record, static_cast<ssize_t>(taken)))
      stop("is broken though the socket has taken bytes");
    return sealed.plain;
  }

  // All that the client can read now.
  void receive(std::string& got) {
    std::array<char, 64 * 1024> buffer;
    while (true) {
      const ssize_t count = recv(ends_[1], buffer.data(), cuts_->next(buffer.size()), MSG_DONTWAIT);
      if (count <= 0) break;
      client_.feed({buffer.data(), static_cast<std::size_t>(count)});
      if (client_.is_done()) got += client_.read();
    }
  }

  Cuts* cuts_;
  std::array<int, 2> ends_{};
  TlsEnd client_;
  std::unique_ptr<TlsChannel> channel_;
  std::size_t sent_ = 0;
  bool is_broken_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // Handshakes cost most of the time, so inputs share a connection while it is whole.
  static std::unique_ptr<Line> line;
  if (size < 4) return 0;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  Cuts cuts(input.substr(1));
  if (bytes[0] % 16 == 0 || line == nullptr) line = std::make_unique<Line>(cuts);
  line->cut_by(cuts);
  std::size_t total = 0;
  for (std::size_t at = 1; at + 3 <= size && total < kMaxBytes && !line->is_broken(); at += 3) {
    const std::size_t count = 1 + (bytes[at + 1] * std::size_t{256} + bytes[at + 2]) % kMaxChunk;
    total += count;
    const bool is_last = at + 6 > size;
    switch (bytes[at] % 3) {
      case 0:
        line->to_server(pattern(count), bytes[0] % 16 == 1 && is_last ? bytes[at + 1] : std::string_view::npos);
        break;
      case 1:
        line->to_client(pattern(count), false);
        break;
      default:
        line->to_client(pattern(count), true);
    }
  }
  if (line->is_broken()) line.reset();
  return 0;
}
