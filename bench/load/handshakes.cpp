#include "handshakes.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "link.h"
#include "socket_calls.h"

namespace millrace::load {

namespace {

// In flight at a time: a server that falls behind gets no more.
constexpr std::size_t kAtOnce = 256;

std::unique_ptr<Link> begin(const Load& load, SSL_CTX* tls) {
  const int socket = open_socket(AF_INET, SOCK_STREAM, 0);
  if (socket >= 0) set_up_descriptor(socket);
  auto link = std::make_unique<Link>(socket, tls, load.host);
  // It does not wait: the handshake shows whether there is a connection.
  static_cast<void>(::connect(socket, reinterpret_cast<const sockaddr*>(&load.server), sizeof load.server));
  return link;
}

// Never returns.
void live(const Load& load, std::atomic<std::uint64_t>& done) {
  const TlsSetUp tls = tls_set_up(load);
  std::vector<std::unique_ptr<Link>> links;
  const std::int64_t began_at = clock_ns();
  for (std::uint64_t begun = 0;;) {
    const auto due = static_cast<std::uint64_t>(static_cast<double>(clock_ns() - began_at) * load.handshakes / 1e9);
    for (; begun < due; ++begun) {
      if (links.size() < kAtOnce) links.push_back(begin(load, tls.get()));
    }
    std::vector<pollfd> fds;
    fds.reserve(links.size());
    for (const auto& link : links) fds.push_back({.fd = link->socket(), .events = link->wanted(), .revents = 0});
    ::poll(fds.data(), fds.size(), 1);
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const Link::Handshake handshake = links[i]->shake_hands();
      if (handshake == Link::Handshake::kWaits) continue;
      if (handshake == Link::Handshake::kDone) done.fetch_add(1, std::memory_order_relaxed);
      links[i]->reset_at_end();
      links[i].reset();
    }
    std::erase(links, nullptr);
  }
}

}  // namespace

HandshakeLoad::HandshakeLoad(const Load& load) {
  if (load.handshakes <= 0) return;
  void* const memory = ::mmap(nullptr, sizeof *done_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  done_ = new (memory) std::atomic<std::uint64_t>(0);
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("cannot create a process");
  if (process_ > 0) return;
  try {
    live(load, *done_);
  } catch (const std::exception&) {
  }
  ::_exit(1);
}

HandshakeLoad::~HandshakeLoad() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (done_ != nullptr) ::munmap(done_, sizeof *done_);
}

std::uint64_t HandshakeLoad::done() const {
  return done_ != nullptr ? done_->load() : 0;
}

}  // namespace millrace::load
