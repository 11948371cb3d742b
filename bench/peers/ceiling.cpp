// The ceiling: the least a server of event streams can be. One thread, one epoll, and a plain send() of the same bytes
// to one socket after the other. It knows no slow readers, no errors, no limits and no strangers, checks nothing and
// frees nothing. It is there to be compared with: what it costs, the system costs.
//
//   GET /sub/TOPIC               an event stream; with Last-Event-ID, everything behind that event first
//   POST /pub/TOPIC              publishes the body
//   GET /tokens                  a numbered stream of this request, which POST /start writes to
//   POST /start?rate=R&events=N  sends N events to each of these streams, R a second
//   POST /inside?topics=T&events=N   sends N events to topics t0 … tT-1 at random, from inside
//
// Prints `listening on PORT` once it is.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    "Transfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";
constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct Socket {
  int fd;
  std::string input;
  std::string_view backlog;  // of a topic's history, to be written as the socket takes it
};

struct Topic {
  std::vector<int> sockets;
  std::string history;                // as chunks
  std::vector<std::size_t> event_at;  // where in it each event begins; the first has ID 1
  std::uint64_t published_inside = 0;
};

std::int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string chunk(std::string_view id, std::string_view data) {
  std::string payload;
  payload.append("id: ").append(id).append("\ndata: ").append(data).append("\n\n");
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, payload.size(), 16).ptr;
  return std::string(size, end) + "\r\n" + payload + "\r\n";
}

std::string event_data(std::uint64_t sequence, std::int64_t published_ns) {
  std::string data = std::to_string(sequence) + ' ' + std::to_string(published_ns) + ' ';
  data.resize(std::max<std::size_t>(data.size(), 120), 'x');
  return data;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&waiting, 1, -1);
    } else {
      return;
    }
  }
}

std::uint64_t parameter(std::string_view target, std::string_view name, std::uint64_t otherwise) {
  const std::size_t at = target.find(std::string(name) + '=');
  if (at == std::string_view::npos) return otherwise;
  std::uint64_t value = otherwise;
  std::from_chars(target.data() + at + name.size() + 1, target.data() + target.size(), value);
  return value;
}

std::string_view header(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size();
  return head.substr(begin, head.find('\r', begin) - begin);
}

class Ceiling {
 public:
  int run() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, SOMAXCONN) != 0) {
      return 1;
    }
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("listening on %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    watch(listener_, EPOLLIN, nullptr, EPOLL_CTL_ADD);
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        auto* const socket = static_cast<Socket*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (socket == nullptr) {
          accept();
        } else if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
          write_backlog(*socket);
        } else {
          read(*socket);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events, Socket* socket, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = socket;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      sockets_.push_back(std::make_unique<Socket>(Socket{.fd = fd, .input = {}, .backlog = {}}));
      watch(fd, EPOLLIN, sockets_.back().get(), EPOLL_CTL_ADD);
    }
  }

  void read(Socket& socket) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t count = ::recv(socket.fd, buffer.data(), buffer.size(), 0);
    if (count <= 0) {
      ::close(socket.fd);
      return;
    }
    socket.input.append(buffer.data(), static_cast<std::size_t>(count));
    while (true) {
      const std::size_t end = socket.input.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const std::string_view head = std::string_view(socket.input).substr(0, end + 2);
      std::size_t body = 0;
      const std::string_view body_length = header(head, "\r\nContent-Length: ");
      std::from_chars(body_length.data(), body_length.data() + body_length.size(), body);
      if (socket.input.size() < end + 4 + body) return;
      answer(socket, head, std::string_view(socket.input).substr(end + 4, body));
      socket.input.erase(0, end + 4 + body);
    }
  }

  void answer(Socket& socket, std::string_view head, std::string_view body) {
    const std::size_t begin = head.find('/');
    const std::string_view target = head.substr(begin, head.find(' ', begin) - begin);
    if (target.starts_with("/sub/")) return subscribe(socket, target.substr(5), header(head, "\r\nLast-Event-ID: "));
    if (target.starts_with("/pub/")) {
      publish(topics_[std::string(target.substr(5))], body);
    } else if (target.starts_with("/tokens")) {
      send_all(socket.fd, kStreamHead);
      token_sockets_.push_back(socket.fd);
      return;
    } else if (target.starts_with("/start")) {
      send_all(socket.fd, kDone);
      return send_tokens(parameter(target, "rate", 50), parameter(target, "events", 100));
    } else if (target.starts_with("/inside")) {
      send_all(socket.fd, kDone);
      return publish_inside(parameter(target, "topics", 1), parameter(target, "events", 1));
    }
    send_all(socket.fd, kDone);
  }

  void subscribe(Socket& socket, std::string_view name, std::string_view last_event_id) {
    Topic& topic = topics_[std::string(name)];
    send_all(socket.fd, kStreamHead);
    topic.sockets.push_back(socket.fd);
    std::size_t seen = topic.event_at.size();
    std::from_chars(last_event_id.data(), last_event_id.data() + last_event_id.size(), seen);
    if (seen == topic.event_at.size()) return;
    socket.backlog = std::string_view(topic.history).substr(topic.event_at[seen]);
    write_backlog(socket);
  }

  void write_backlog(Socket& socket) const {
    const ssize_t count = ::send(socket.fd, socket.backlog.data(), socket.backlog.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) socket.backlog.remove_prefix(static_cast<std::size_t>(count));
    watch(socket.fd, socket.backlog.empty() ? EPOLLIN : EPOLLOUT, &socket, EPOLL_CTL_MOD);
  }

  static void publish(Topic& topic, std::string_view data) {
    topic.event_at.push_back(topic.history.size());
    const std::string bytes = chunk(std::to_string(topic.event_at.size()), data);
    topic.history += bytes;
    for (const int fd : topic.sockets) send_all(fd, bytes);
  }

  void publish_inside(std::uint64_t topics, std::uint64_t events) {
    std::vector<Topic*> all;
    for (std::uint64_t i = 0; i < topics; ++i) all.push_back(&topics_[std::to_string(i).insert(0, 1, 't')]);
    std::mt19937_64 random(1);
    std::uniform_int_distribution<std::uint64_t> any(0, topics - 1);
    for (std::uint64_t i = 0; i < events; ++i) {
      Topic& topic = *all[any(random)];
      publish(topic, event_data(++topic.published_inside, clock_ns()));
    }
  }

  // The streams' events are spread over the time between two of one stream.
  void send_tokens(std::uint64_t rate, std::uint64_t events) const {
    const std::uint64_t streams = token_sockets_.size();
    const std::int64_t begin = clock_ns();
    for (std::uint64_t i = 0; i < events * streams; ++i) {
      const auto due = begin + static_cast<std::int64_t>(i * 1'000'000'000 / (rate * streams));
      const timespec until{.tv_sec = static_cast<time_t>(due / 1'000'000'000), .tv_nsec = due % 1'000'000'000};
      if (due > clock_ns()) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      const std::uint64_t sequence = i / streams + 1;
      send_all(token_sockets_[i % streams], chunk(std::to_string(sequence), event_data(sequence, due)));
    }
  }

  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::unordered_map<std::string, Topic> topics_;
  std::vector<int> token_sockets_;
};

}  // namespace

int main() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return Ceiling().run();
}
