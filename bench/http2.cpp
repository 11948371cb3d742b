// Event streams over HTTP/2 and HTTP/1.1: what a delivery and a stream cost the server, and how long one event takes to
// all. The server is a process of its own, with one event loop; this one has all the clients.
//
//   millrace_bench_http2 clear|tls STREAMS STREAMS_A_CONNECTION EVENTS RATE
//
// STREAMS_A_CONNECTION is 0 for HTTP/1.1. Prints JSON. With more than 18,000 connections the clients come from several
// addresses of 127.0.0.0/8, of which each has that many ports.
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/server.h"
#include "test_tls.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPortsAnAddress = 18'000;
constexpr int kConnectsAtOnce = 256;
constexpr Clock::duration kLongest = std::chrono::minutes(5);

// Stands in every event so many times, and nearly nowhere else on the wire.
constexpr char kMark = '~';
constexpr std::size_t kMarks = 16;
constexpr std::size_t kDataBytes = 120;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "millrace_bench_http2: %s\n", what.c_str());
  std::exit(1);
}

void allow_many_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// --- The server -----------------------------------------------------------------------------------------------------

// Says its port through `pipe`. GET /usage: CPU seconds and bytes of memory; GET /publish?events=N&rate=R.
[[noreturn]] void serve(int pipe, std::size_t streams, bool tls) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  millrace::ServerOptions options;
  if (tls) {
    const millrace::test::TestCertificate made = millrace::test::test_authority().issue();
    options.tls = millrace::ServerTls{
        .certificates = {{.chain = millrace::Pem::text(made.chain), .key = millrace::Pem::text(made.key)}}};
  }
  options.threads.loops = 1;
  options.threads.workers = 2;
  options.shares.max_connections = 2 * streams + 1'000;
  options.shares.max_connections_per_address.reset();
  millrace::Server server(options);
  server.events("/events");
  server.Get("/usage", [](const auto&, auto& response) {
    const struct mallinfo2 memory = mallinfo2();
    response.set_content(std::to_string(cpu_seconds()) + " " + std::to_string(memory.uordblks + memory.hblkhd),
                         "text/plain");
  });
  server.Get("/publish", [&server](const httplib::Request& request, auto&) {
    const int events = std::stoi(request.get_param_value("events"));
    const auto pause = std::chrono::nanoseconds(1'000'000'000 / std::stoi(request.get_param_value("rate")));
    const std::string data = std::string(kDataBytes - kMarks, 'x') + std::string(kMarks, kMark);
    auto due = Clock::now();
    for (int i = 0; i < events; ++i, due += pause) {
      std::this_thread::sleep_until(due);
      server.hub().publish("a", {.data = data}).or_throw();
    }
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  if (write(pipe, &port, sizeof port) != sizeof port) std::exit(1);
  server.listen_after_bind();
  std::exit(0);
}

struct Usage {
  double cpu = 0;
  double memory = 0;
};

std::unique_ptr<httplib::Client> client_of(int port, bool tls) {
  auto client =
      std::make_unique<httplib::Client>((tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port));
  client->enable_server_certificate_verification(false);
  client->set_read_timeout(600);
  return client;
}

Usage usage_of(int port, bool tls) {
  const auto response = client_of(port, tls)->Get("/usage");
  if (!response) fail("the server does not answer");
  Usage usage;
  std::sscanf(response->body.c_str(), "%lf %lf", &usage.cpu, &usage.memory);
  return usage;
}

// --- The clients ----------------------------------------------------------------------------------------------------

void append_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload,
                  std::string& out) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  for (const std::uint32_t byte : {size >> 16, size >> 8, size, std::uint32_t{type}, std::uint32_t{flags}, stream >> 24,
                                   stream >> 16, stream >> 8, stream}) {
    out.push_back(static_cast<char>(byte & 0xff));
  }
  out.append(payload);
}

// Preface, windows that never shut, an acknowledgement of what the server will say, and as many subscriptions.
std::string http2_requests(std::size_t streams) {
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  append_frame(4, 0, 0, std::string_view("\0\4\x7f\xff\xff\xff", 6), out);
  append_frame(8, 0, 0, std::string_view("\x7f\xff\0\0", 4), out);
  append_frame(4, 1, 0, {}, out);
  const std::string path = "/events?topic=a";
  const std::string block = std::string("\x82\x86\x01\x09localhost\x04", 14) + static_cast<char>(path.size()) + path;
  for (std::size_t i = 0; i < streams; ++i) {
    append_frame(1, 5, static_cast<std::uint32_t>(2 * i + 1), i == 0 ? "\x20" + block : block, out);
  }
  return out;
}

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;

ContextPtr context_for(bool http2) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  const std::string_view protocol = http2 ? std::string_view("\x02h2") : std::string_view("\x08http/1.1");
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocol.data()),
                          static_cast<unsigned>(protocol.size()));
  return context;
}

// The client's end of a connection; `ssl` is null in clear.
struct Peer {
  int socket;
  SSL* ssl;
};

class Clients {
 public:
  Clients(int port, std::size_t streams, std::size_t each, bool tls)
      : port_(port),
        each_(std::max<std::size_t>(each, 1)),
        tls_(tls ? context_for(each > 0) : nullptr),
        epoll_(epoll_create1(0)) {
    const std::string requests =
        each == 0 ? "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n" : http2_requests(each);
    for (std::size_t opened = 0; opened < streams;) {
      for (int i = 0; i < kConnectsAtOnce && opened < streams; ++i, opened += each_) connect(requests);
      await([&] { return primed_ >= opened; }, "not all streams began");
    }
  }
  ~Clients() {
    for (const Peer& peer : peers_) {
      SSL_free(peer.ssl);
      close(peer.socket);
    }
    close(epoll_);
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  std::size_t connections() const { return peers_.size(); }
  std::size_t streams() const { return primed_; }
  double deliveries() const { return static_cast<double>(marks_) / kMarks; }

  /// Reads until so many events have been delivered.
  void await_deliveries(double count) {
    await([&] { return deliveries() >= count; }, "not all events came");
  }

 private:
  void connect(const std::string& requests) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    const auto host = static_cast<std::uint32_t>(peers_.size() / kPortsAnAddress);
    sockaddr_in from{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(0x7f000101 + host)}, .sin_zero = {}};
    const sockaddr_in to{.sin_family = AF_INET,
                         .sin_port = htons(static_cast<std::uint16_t>(port_)),
                         .sin_addr = {htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
    if (socket < 0 || bind(socket, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      fail("cannot connect: are there enough files (ulimit -n)?");
    }
    const Peer peer{socket, tls_ != nullptr ? shake_hands(socket) : nullptr};
    const auto size = static_cast<int>(requests.size());
    const bool is_sent = peer.ssl != nullptr ? SSL_write(peer.ssl, requests.data(), size) == size
                                             : send(socket, requests.data(), requests.size(), MSG_NOSIGNAL) == size;
    if (!is_sent) fail("cannot send");
    fcntl(socket, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = peers_.size()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
    peers_.push_back(peer);
  }

  SSL* shake_hands(int socket) const {
    SSL* const ssl = SSL_new(tls_.get());
    SSL_set_fd(ssl, socket);
    if (SSL_connect(ssl) != 1) fail("the TLS handshake has failed");
    return ssl;
  }

  template <typename Condition>
  void await(Condition is_so, const char* otherwise) {
    const auto end = Clock::now() + kLongest;
    std::array<epoll_event, 256> events;
    while (!is_so()) {
      if (Clock::now() > end) fail(otherwise);
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1'000);
      for (int i = 0; i < count; ++i) read(peers_[events[static_cast<std::size_t>(i)].data.u64]);
    }
  }

  void read(const Peer& peer) {
    static std::array<char, 256 * 1024> buffer;
    if (peer.ssl == nullptr) {
      const ssize_t count = recv(peer.socket, buffer.data(), buffer.size(), 0);
      if (count == 0) fail("the server has closed a connection");
      if (count > 0) take({buffer.data(), static_cast<std::size_t>(count)});
      return;
    }
    int count = 0;
    while ((count = SSL_read(peer.ssl, buffer.data(), static_cast<int>(buffer.size()))) > 0) {
      take({buffer.data(), static_cast<std::size_t>(count)});
    }
    if (SSL_get_error(peer.ssl, count) != SSL_ERROR_WANT_READ) fail("the server has closed a connection");
  }

  // A stream has begun with its reconnection time; a word that is cut between two reads is seen all the same, by its
  // last letter but one.
  void take(std::string_view bytes) {
    marks_ += static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), kMark));
    if (marks_ > 0) return;
    for (std::size_t at = bytes.find("retry:"); at != std::string_view::npos; at = bytes.find("retry:", at + 1))
      ++primed_;
  }

  const int port_;
  const std::size_t each_;
  const ContextPtr tls_;  // null in clear
  const int epoll_;
  std::vector<Peer> peers_;
  std::size_t primed_ = 0;
  std::size_t marks_ = 0;
};

void publish(int port, bool tls, int events, int rate) {
  if (!client_of(port, tls)->Get("/publish?events=" + std::to_string(events) + "&rate=" + std::to_string(rate)))
    fail("cannot publish");
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) fail("clear|tls STREAMS STREAMS_A_CONNECTION EVENTS RATE");
  const bool tls = std::string_view(argv[1]) == "tls";
  const std::size_t streams = std::stoul(argv[2]);
  const std::size_t each = std::stoul(argv[3]);
  const int events = std::stoi(argv[4]);
  const int rate = std::stoi(argv[5]);
  allow_many_files();
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) fail("no pipe");
  const pid_t server = fork();
  if (server == 0) serve(ends[1], streams, tls);
  int port = 0;
  if (read(ends[0], &port, sizeof port) != sizeof port) fail("the server does not start");

  const Usage before = usage_of(port, tls);
  const auto begin = Clock::now();
  Clients clients(port, streams, each, tls);
  const double open_seconds = seconds_since(begin);
  const Usage idle = usage_of(port, tls);
  const auto count = static_cast<double>(clients.streams());

  const auto one = Clock::now();
  publish(port, tls, 1, 1);
  clients.await_deliveries(count);
  const double one_seconds = seconds_since(one);

  const Usage warm = usage_of(port, tls);
  std::thread publisher([&] { publish(port, tls, events, rate); });
  clients.await_deliveries(count * (events + 1));
  publisher.join();
  const Usage after = usage_of(port, tls);
  kill(server, SIGKILL);
  std::printf(
      "{\"streams\": %.0f, \"connections\": %zu, \"openSeconds\": %.3f, \"bytesAStream\": %.1f, \"oneEventMs\": %.2f, "
      "\"cpuMicrosecondsADelivery\": %.4f}\n",
      count, clients.connections(), open_seconds, (idle.memory - before.memory) / count, one_seconds * 1e3,
      (after.cpu - warm.cpu) * 1e6 / (count * events));
}
