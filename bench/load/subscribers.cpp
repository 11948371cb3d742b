#include "subscribers.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "http2_session.h"
#include "inflater.h"
#include "socket_calls.h"
#include "stream_body.h"
#include "subscriber.h"

namespace millrace::load {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kWaitMilliseconds = 20;

// Each address has its own local ports: with a single address, thousands of connections take long to find a free one.
constexpr std::size_t kConnectionsPerAddress = 1000;

in_addr source_address(std::size_t connection) {
  const auto index = static_cast<std::uint32_t>(connection / kConnectionsPerAddress);
  return {.s_addr = htonl(0x7f000101 + index)};  // 127.0.1.1 and on
}

}  // namespace

// One connection with its subscribers, and how far each of them is.
class Subscribers::Connection {
 public:
  Connection(const Load& load, Tally& tally, std::size_t first_subscriber, std::size_t subscribers)
      : first(first_subscriber), load_(load), tally_(tally), waiting_(subscribers) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The socket is ready: writes the requests.
  virtual void begin(const std::string& last_event_id) = 0;
  /// Takes what has come. Returns false if the connection is of no more use.
  [[nodiscard]] virtual bool read(std::string_view bytes, std::int64_t now) = 0;

  /// All its streams that are not over yet have failed, or have been closed by the server.
  void lose() {
    tally_.failed += std::exchange(waiting_, 0);
    tally_.closed += std::exchange(open_, 0);
    link.reset();
  }
  bool has_waiting() const { return waiting_ > 0; }

  const std::size_t first;     // subscriber
  std::unique_ptr<Link> link;  // null: closed, or not begun
  bool is_ready = false;       // the handshake is done
  bool is_connecting = false;
  bool is_full = false;  // the socket did not take all of the output
  std::string output;

 protected:
  void count_answer(std::int64_t now) {
    --waiting_;
    ++open_;
    tally_.last_connected_ns = now;
    ++tally_.connected;
  }
  void count_refusal() {
    --waiting_;
    ++tally_.failed;
  }
  void count_end() {
    --open_;
    ++tally_.closed;
  }

  const Load& load_;
  Tally& tally_;

 private:
  std::size_t waiting_;   // streams without an answer
  std::size_t open_ = 0;  // streams with one
};

class Subscribers::Http1Connection final : public Connection {
 public:
  Http1Connection(const Load& load, Tally& tally, std::size_t subscriber, std::uint64_t next_sequence)
      : Connection(load, tally, subscriber, 1), subscriber_(load, subscriber, next_sequence) {}

  void begin(const std::string& last_event_id) override {
    output =
        "GET " + subscriber_.target(load_) + " HTTP/1.1\r\nHost: " + load_.host + "\r\nAccept: text/event-stream\r\n";
    if (!last_event_id.empty()) output += "Last-Event-ID: " + last_event_id + "\r\n";
    if (load_.gzip) output += "Accept-Encoding: gzip\r\n";
    output += "\r\n";
  }

  bool read(std::string_view bytes, std::int64_t now) override {
    const auto state = body_.read(bytes, [&](std::string_view text) { subscriber_.read(load_, text, now, tally_); });
    if (has_waiting() && state != StreamBody::State::kHead && state != StreamBody::State::kRefused) count_answer(now);
    return state == StreamBody::State::kHead || state == StreamBody::State::kOpen;
  }

 private:
  Subscriber subscriber_;
  StreamBody body_;
};

class Subscribers::Http2Connection final : public Connection, private Http2Receiver {
 public:
  // The subscribers [begin, end).
  Http2Connection(const Load& load, Tally& tally, std::size_t begin, std::size_t end, std::uint64_t next_sequence)
      : Connection(load, tally, begin, end - begin) {
    for (std::size_t i = begin; i < end; ++i) streams_.push_back({Subscriber(load, i, next_sequence), {}, nullptr});
  }

  void begin(const std::string& last_event_id) override {
    for (const Stream& stream : streams_) {
      auto fields = request_fields("GET", load_.tls, load_.host, stream.subscriber.target(load_));
      fields.emplace_back("accept", "text/event-stream");
      if (!last_event_id.empty()) fields.emplace_back("last-event-id", last_event_id);
      if (load_.gzip) fields.emplace_back("accept-encoding", "gzip");
      session_.request(fields);
    }
    collect_output();
  }

  bool read(std::string_view bytes, std::int64_t now) override {
    now_ = now;
    const bool goes_on = session_.receive(bytes);
    collect_output();
    return goes_on;
  }

 private:
  enum class State : std::uint8_t { kWaiting, kOpen, kOver };
  struct Stream {
    Subscriber subscriber;
    State state;
    std::unique_ptr<Inflater> inflater;  // null: not compressed
  };

  // nghttp2 numbers the streams of a client 1, 3, 5 and so on.
  Stream& stream_of(std::int32_t number) { return streams_[static_cast<std::size_t>(number / 2)]; }

  void collect_output() {
    for (std::string_view bytes = session_.output(); !bytes.empty(); bytes = session_.output()) output.append(bytes);
  }

  void head(std::int32_t number, const Http2Head& head) override {
    Stream& stream = stream_of(number);
    if (stream.state != State::kWaiting) return;  // trailers
    const bool is_good = head.status == 200 && head.content_type.starts_with("text/event-stream");
    stream.state = is_good ? State::kOpen : State::kOver;
    if (head.content_encoding == "gzip") stream.inflater = std::make_unique<Inflater>();
    is_good ? count_answer(now_) : count_refusal();
  }

  void body(std::int32_t number, std::string_view bytes) override {
    Stream& stream = stream_of(number);
    if (stream.state != State::kOpen) return;
    const auto read = [&](std::string_view text) { stream.subscriber.read(load_, text, now_, tally_); };
    if (stream.inflater == nullptr) return read(bytes);
    if (!stream.inflater->decode(bytes, read)) end(number);
  }

  void end(std::int32_t number) override {
    const State state = std::exchange(stream_of(number).state, State::kOver);
    if (state == State::kWaiting) count_refusal();
    if (state == State::kOpen) count_end();
  }

  std::vector<Stream> streams_;
  std::int64_t now_ = 0;
  Http2Session session_{*this};
};

Subscribers::Subscribers(const Load& load, std::size_t first, std::size_t last, std::string last_event_id,
                         std::uint64_t next_sequence, Tally& tally)
    : load_(load),
      last_event_id_(std::move(last_event_id)),
      tally_(tally),
      tls_(tls_set_up(load)),
      buffer_(kReadBytes) {
  for (std::size_t i = first; i < last;) {
    if (load.http2) {
      const std::size_t end = std::min(last, i + load.streams_each);
      connections_.push_back(std::make_unique<Http2Connection>(load, tally, i, end, next_sequence));
      i = end;
    } else {
      connections_.push_back(std::make_unique<Http1Connection>(load, tally, i, next_sequence));
      ++i;
    }
  }
}

Subscribers::~Subscribers() = default;

void Subscribers::run() {
  while (!tally_.stop) {
    connect_some();
    for (const auto& [tag, ready] : poller_.wait(kWaitMilliseconds)) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the tag is the address of the connection
      Connection& connection = *reinterpret_cast<Connection*>(tag);
      if (connection.link == nullptr) continue;
      if (!connection.is_ready) {
        shake_hands(connection);
        continue;
      }
      if ((ready & (Ready::kInput | Ready::kError | Ready::kHangUp)) != 0) read(connection);
      if (connection.link != nullptr && (ready & Ready::kOutput) != 0) write(connection);
    }
  }
}

void Subscribers::connect_some() {
  while (begun_ < connections_.size() && connecting_ < load_.connect_window) {
    Connection& connection = *connections_[begun_++];
    ++connecting_;
    connection.is_connecting = true;
    open(connection);
  }
}

void Subscribers::open(Connection& connection) {
  const int socket = open_socket(AF_INET, SOCK_STREAM, 0);
  if (socket >= 0) set_up_descriptor(socket);
  connection.link = std::make_unique<Link>(socket, tls_.get(), load_.host);
#ifdef IP_BIND_ADDRESS_NO_PORT
  const int on = 1;
  setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr = source_address(connection.first);
  // Such an address only reaches a server on loopback.
  const bool on_loopback = (ntohl(load_.server.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  if (socket < 0 || (on_loopback && ::bind(socket, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) ||
      (::connect(socket, reinterpret_cast<const sockaddr*>(&load_.server), sizeof load_.server) != 0 &&
       errno != EINPROGRESS) ||
      !poller_.add(socket, Ready::kOutput, reinterpret_cast<std::uintptr_t>(&connection))) {
    close(connection);
  }
}

void Subscribers::shake_hands(Connection& connection) {
  const Link::Handshake handshake = connection.link->shake_hands();
  if (handshake == Link::Handshake::kFailed) return close(connection);
  poller_.modify(connection.link->socket(), Ready::kInput, reinterpret_cast<std::uintptr_t>(&connection));
  if (handshake == Link::Handshake::kWaits) return;
  if (load_.http2 && !connection.link->may_speak_http2()) return close(connection);
  connection.is_ready = true;
  connection.begin(last_event_id_);
  write(connection);
}

void Subscribers::read(Connection& connection) {
  const ssize_t count = connection.link->read(buffer_.data(), buffer_.size());
  if (count == -EAGAIN) return;
  if (count <= 0) return close(connection);
  tally_.bytes += static_cast<std::uint64_t>(count);
  const bool goes_on = connection.read({buffer_.data(), static_cast<std::size_t>(count)}, clock_ns());
  settle(connection);
  if (!goes_on) return close(connection);
  write(connection);
}

void Subscribers::write(Connection& connection) {
  if (!connection.output.empty()) {
    const ssize_t count = connection.link->write(connection.output);
    if (count < 0 && count != -EAGAIN) return close(connection);
    connection.output.erase(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  const bool is_full = !connection.output.empty();
  if (is_full == std::exchange(connection.is_full, is_full)) return;
  poller_.modify(connection.link->socket(), Ready::kInput | (is_full ? Ready::kOutput : 0),
                 reinterpret_cast<std::uintptr_t>(&connection));
}

// Lets the next one connect, once all streams of this one have an answer.
void Subscribers::settle(Connection& connection) {
  if (connection.is_connecting && !connection.has_waiting()) {
    connection.is_connecting = false;
    --connecting_;
  }
}

void Subscribers::close(Connection& connection) {
  if (connection.link->socket() >= 0) poller_.remove(connection.link->socket());
  connection.lose();
  settle(connection);
}

}  // namespace millrace::load
