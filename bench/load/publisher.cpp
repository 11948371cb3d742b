#include "publisher.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <deque>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "http2_session.h"

namespace millrace::load {

namespace {

constexpr std::chrono::microseconds kWindowLook{200};

// The size of the first response in `input`; 0 if it is incomplete. Throws std::runtime_error if its status is an
// error.
std::size_t response_bytes(std::string_view input) {
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::string head(input.substr(0, end + 2));
  if (!head.starts_with("HTTP/1.1 2")) {
    throw std::runtime_error("the server refuses to publish: " + std::string(input.substr(0, 400)));
  }
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kName = "\r\ncontent-length: ";
  const std::size_t at = head.find(kName);
  if (at == std::string::npos) throw std::runtime_error("the server's answer to a publish has no Content-Length");
  std::size_t body = 0;
  std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), body);
  return input.size() >= end + 4 + body ? end + 4 + body : 0;
}

}  // namespace

struct Publisher::Connection final : Http2Receiver {
  Connection(std::unique_ptr<Link> to, bool http2)
      : link(std::move(to)), session(http2 ? std::make_unique<Http2Session>(*this) : nullptr) {}

  /// Takes bytes of answers; `due`, of their requests, is appended to `answered`.
  void read(std::string_view bytes);
  void collect_output() {
    for (auto bytes = session->output(); !bytes.empty(); bytes = session->output()) output.append(bytes);
  }

  const std::unique_ptr<Link> link;
  const std::unique_ptr<Http2Session> session;  // null: HTTP/1.1
  std::size_t unanswered = 0;
  std::deque<std::int64_t> due;                           // HTTP/1.1: of requests without an answer
  std::unordered_map<std::int32_t, std::int64_t> due_of;  // HTTP/2: of streams without one
  std::vector<std::int64_t> answered;
  std::string output;
  std::string input;

 private:
  void head(std::int32_t stream, const Http2Head& head) override {
    if (head.status / 100 != 2) {
      throw std::runtime_error("the server refuses to publish: it answers " + std::to_string(head.status));
    }
    const auto found = due_of.find(stream);
    if (found == due_of.end()) return;
    answered.push_back(found->second);
    due_of.erase(found);
  }
  void body(std::int32_t, std::string_view) override {}
  void end(std::int32_t stream) override {
    if (due_of.contains(stream)) throw std::runtime_error("the server reset a publish request");
  }
};

void Publisher::Connection::read(std::string_view bytes) {
  if (session != nullptr) {
    if (!session->receive(bytes)) throw std::runtime_error("the server ended an HTTP/2 connection");
    return collect_output();
  }
  input.append(bytes);
  std::size_t used = 0;
  while (const std::size_t size = response_bytes(std::string_view(input).substr(used))) {
    used += size;
    answered.push_back(due.front());
    due.pop_front();
  }
  input.erase(0, used);
}

Publisher::Publisher(const Load& load, std::function<std::uint64_t()> deliveries)
    : load_(load), deliveries_(std::move(deliveries)), tls_(tls_set_up(load)), sequences_(load.topics) {
  for (std::size_t i = 0; i < load.publishers; ++i) {
    connections_.push_back(std::make_unique<Connection>(Link::connect(load, tls_.get()), load.http2));
    const int on = 1;
    setsockopt(connections_.back()->link->socket(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
}

Publisher::~Publisher() = default;

void Publisher::run() {
  using std::chrono::duration;
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const std::int64_t begin = clock_ns();
  const std::int64_t end = begin + duration_cast<nanoseconds>(load_.duration).count();
  std::uint64_t requests = 0;
  for (std::int64_t now = begin; now < end; now = clock_ns()) {
    std::int64_t wake = now + duration_cast<nanoseconds>(kWindowLook).count();
    while (true) {
      std::int64_t published_at = now;
      if (load_.rate > 0) {
        const double seconds = static_cast<double>(requests) * static_cast<double>(load_.batch) / load_.rate;
        published_at = begin + duration_cast<nanoseconds>(duration<double>(seconds)).count();
        wake = published_at;
        if (published_at > now) break;
      } else if (!window_is_open()) {
        break;
      }
      const std::size_t topic = next_topic();
      Connection& connection = *connections_[topic % connections_.size()];
      // Without a rate, a connection that is busy is what one waits for.
      if (load_.rate <= 0 && connection.unanswered >= load_.pipeline) break;
      add_request(connection, topic, published_at);
      ++requests;
    }
    exchange(nanoseconds(std::max<std::int64_t>(std::min(wake, end) - clock_ns(), 0)));
  }
  finish();
}

void Publisher::publish(std::uint64_t events) {
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::size_t topic = next_topic();
    Connection& connection = *connections_[topic % connections_.size()];
    while (connection.unanswered >= load_.pipeline) exchange(kPatience);
    add_request(connection, topic, clock_ns());
  }
  finish();
}

bool Publisher::window_is_open() const {
  const std::uint64_t each = std::max<std::uint64_t>(1, load_.subscribers * load_.topics_each / load_.topics);
  return published_ < deliveries_() / each + load_.window;
}

std::size_t Publisher::next_topic() {
  return load_.topics == 1 ? 0 : std::uniform_int_distribution<std::size_t>(0, load_.topics - 1)(random_);
}

std::size_t Publisher::another_topic_of_its_connection(std::size_t topic) {
  const std::size_t first = topic % connections_.size();
  const std::size_t last = (load_.topics - 1 - first) / connections_.size();
  return first + connections_.size() * std::uniform_int_distribution<std::size_t>(0, last)(random_);
}

void Publisher::add_request(Connection& connection, std::size_t topic, std::int64_t published_ns) {
  std::string body;
  for (std::size_t i = 0; i < load_.batch; ++i) {
    if (i > 0) topic = another_topic_of_its_connection(topic);
    const std::string data = payload(++sequences_[topic], published_ns, load_.data_bytes);
    ++published_;
    if (load_.raw_body) {
      body += data;
    } else {
      body += R"({"topic":")" + topic_name(load_, topic) + R"(","data":")" + data + "\"}";
      if (load_.batch > 1) body += '\n';
    }
  }
  const std::string path = with_topic(load_, load_.publish_path, topic);
  const std::string type = load_.raw_body ? "text/plain" : "application/json";
  if (connection.session != nullptr) {
    auto fields = request_fields("POST", load_.tls, load_.host, path);
    fields.emplace_back("content-type", type);
    connection.due_of[connection.session->request(fields, std::move(body))] = published_ns;
    connection.collect_output();
  } else {
    connection.output += "POST " + path + " HTTP/1.1\r\nHost: " + load_.host + "\r\nContent-Type: " + type +
                         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    connection.due.push_back(published_ns);
  }
  ++connection.unanswered;
  write(connection);
}

// Sends and receives; waits until there is something to do, at most this long.
void Publisher::exchange(std::chrono::nanoseconds wait) {
  std::vector<pollfd> fds;
  for (const auto& connection : connections_) {
    const int events = POLLIN | (connection->output.empty() ? 0 : POLLOUT);
    fds.push_back({.fd = connection->link->socket(), .events = static_cast<short>(events), .revents = 0});
  }
  const timespec timeout{.tv_sec = static_cast<time_t>(wait.count() / 1'000'000'000),
                         .tv_nsec = static_cast<long>(wait.count() % 1'000'000'000)};
  if (::ppoll(fds.data(), fds.size(), &timeout, nullptr) <= 0) return;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if ((fds[i].revents & POLLOUT) != 0) write(*connections_[i]);
    if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0) read(*connections_[i]);
  }
}

void Publisher::finish() {
  const std::int64_t deadline = clock_ns() + std::chrono::nanoseconds(kPatience).count();
  while (std::any_of(connections_.begin(), connections_.end(), [](const auto& c) { return c->unanswered > 0; })) {
    if (clock_ns() > deadline) throw std::runtime_error("the server does not answer publish requests");
    exchange(std::chrono::milliseconds(100));
  }
}

void Publisher::write(Connection& connection) {
  const ssize_t count = connection.link->write(connection.output);
  if (count > 0) connection.output.erase(0, static_cast<std::size_t>(count));
}

void Publisher::read(Connection& connection) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t count = connection.link->read(buffer.data(), buffer.size());
  if (count == -EAGAIN) return;
  if (count <= 0) throw std::runtime_error("the server closed a publishing connection");
  connection.read({buffer.data(), static_cast<std::size_t>(count)});
  for (const std::int64_t due : std::exchange(connection.answered, {})) {
    --connection.unanswered;
    latency_.add(clock_ns() - due);
  }
}

}  // namespace millrace::load
