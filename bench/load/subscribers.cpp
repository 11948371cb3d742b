#include "subscribers.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "millrace/core/event_stream_parser.h"
#include "millrace/core/protocol.h"
#include "socket_calls.h"
#include "stream_body.h"

namespace millrace::load {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kWaitMilliseconds = 20;

// Each address has its own local ports: with a single address, thousands of connections take long to find a free one.
constexpr std::size_t kSubscribersPerAddress = 1000;

in_addr source_address(std::size_t subscriber) {
  const auto index = static_cast<std::uint32_t>(subscriber / kSubscribersPerAddress);
  return {.s_addr = htonl(0x7f000101 + index)};  // 127.0.1.1 and on
}

}  // namespace

struct Subscribers::Stream {
  Stream(std::size_t subscriber, std::size_t topics, std::uint64_t next)
      : number(subscriber), next_sequences(topics, next) {}
  const std::size_t number;
  std::unique_ptr<Link> link;  // null: closed
  bool is_ready = false;       // the request can be sent
  bool answered = false;
  std::vector<std::uint64_t> next_sequences;  // of each of its topics
  StreamBody body;
  EventStreamParser parser;
};

std::uintptr_t Subscribers::tag_of(Stream& stream) {
  return reinterpret_cast<std::uintptr_t>(&stream);
}

Subscribers::Subscribers(const Load& load, std::size_t first, std::size_t last, std::string last_event_id,
                         std::uint64_t next_sequence, Tally& tally)
    : load_(load),
      last_event_id_(std::move(last_event_id)),
      tally_(tally),
      tls_(tls_set_up(load)),
      buffer_(kReadBytes) {
  streams_.reserve(last - first);
  for (std::size_t i = first; i < last; ++i) {
    streams_.push_back(std::make_unique<Stream>(i, load.topics_each, next_sequence));
  }
}

Subscribers::~Subscribers() = default;

void Subscribers::run() {
  while (!tally_.stop) {
    connect_some();
    for (const auto& [tag, ready] : poller_.wait(kWaitMilliseconds)) {
      Stream& stream = *reinterpret_cast<Stream*>(tag);
      if (!stream.is_ready) {
        shake_hands(stream);
      } else if ((ready & (Ready::kInput | Ready::kError | Ready::kHangUp)) != 0 && stream.link != nullptr) {
        read(stream);
      }
    }
  }
}

void Subscribers::connect_some() {
  while (begun_ < streams_.size() && connecting_ < load_.connect_window) {
    Stream& stream = *streams_[begun_++];
    ++connecting_;
    const int socket = open_socket(AF_INET, SOCK_STREAM, 0);
    if (socket >= 0) set_up_descriptor(socket);
    stream.link = std::make_unique<Link>(socket, tls_.get(), load_.host);
#ifdef IP_BIND_ADDRESS_NO_PORT
    const int on = 1;
    setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr = source_address(stream.number);
    // Such an address only reaches a server on loopback.
    const bool on_loopback = (ntohl(load_.server.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    if (socket < 0 || (on_loopback && ::bind(socket, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) ||
        (::connect(socket, reinterpret_cast<const sockaddr*>(&load_.server), sizeof load_.server) != 0 &&
         errno != EINPROGRESS) ||
        !poller_.add(socket, Ready::kOutput, tag_of(stream))) {
      fail(stream);
    }
  }
}

void Subscribers::fail(Stream& stream) {
  --connecting_;
  ++tally_.failed;
  close(stream);
}

void Subscribers::shake_hands(Stream& stream) {
  if (stream.link == nullptr) return;
  const Link::Handshake handshake = stream.link->shake_hands();
  if (handshake == Link::Handshake::kFailed) return fail(stream);
  poller_.modify(stream.link->socket(), Ready::kInput, tag_of(stream));
  if (handshake == Link::Handshake::kWaits) return;
  stream.is_ready = true;
  send_request(stream);
}

void Subscribers::send_request(Stream& stream) {
  std::string request = "GET " + with_topic(load_, load_.subscribe_path, first_topic(stream));
  for (std::size_t i = 1; i < load_.topics_each; ++i) request += "&topic=" + topic_name(load_, first_topic(stream) + i);
  if (load_.topics_each > 1) request += "&fields=topic";
  if (load_.conflate > 0) request += "&conflate=" + std::to_string(load_.conflate);
  request += " HTTP/1.1\r\nHost: " + load_.host + "\r\nAccept: text/event-stream\r\n";
  if (!last_event_id_.empty()) request += "Last-Event-ID: " + last_event_id_ + "\r\n";
  if (load_.gzip) request += "Accept-Encoding: gzip\r\n";
  request += "\r\n";
  // A new socket accepts this much at once, and a socket that failed to connect accepts nothing.
  const auto size = static_cast<ssize_t>(request.size());
  if (stream.link->write(request) != size) fail(stream);
}

void Subscribers::read(Stream& stream) {
  const ssize_t count = stream.link->read(buffer_.data(), buffer_.size());
  if (count == -EAGAIN) return;
  if (count <= 0) {
    if (!stream.answered) return fail(stream);
    ++tally_.closed;
    return close(stream);
  }
  tally_.bytes += static_cast<std::uint64_t>(count);
  const std::int64_t now = clock_ns();
  const auto state = stream.body.read({buffer_.data(), static_cast<std::size_t>(count)}, [&](std::string_view bytes) {
    stream.parser.feed(bytes);
    for (auto item = stream.parser.next(); item != EventStreamParser::Item::kNeedMore; item = stream.parser.next()) {
      if (item == EventStreamParser::Item::kTooLarge) return;
      if (item == EventStreamParser::Item::kEvent) {
        take_event(stream, stream.parser.event(), now);
      }
    }
  });
  if (!stream.answered && state != StreamBody::State::kHead) {
    if (state == StreamBody::State::kRefused) return fail(stream);
    stream.answered = true;
    --connecting_;
    tally_.last_connected_ns = now;
    ++tally_.connected;
  }
  if (state == StreamBody::State::kFinished) {
    ++tally_.closed;
    close(stream);
  }
}

std::size_t Subscribers::first_topic(const Stream& stream) const {
  return stream.number * load_.topics_each % load_.topics;
}

// The index of the event's topic among the subscriber's topics.
std::size_t Subscribers::topic_of(const Stream& stream, const MessageEvent& event) const {
  if (load_.topics_each == 1) return 0;
  for (std::size_t i = 0; i < load_.topics_each; ++i) {
    if (event.topic == topic_name(load_, first_topic(stream) + i)) return i;
  }
  throw std::runtime_error("the server sent an event of another topic");
}

void Subscribers::take_event(Stream& stream, const MessageEvent& event, std::int64_t now) {
  std::uint64_t sequence = 0;
  std::int64_t published = 0;
  if (!read_payload(event.data, sequence, published)) {
    if (event.type == protocol::kGapEventType) ++tally_.gaps;
    return;
  }
  std::uint64_t& next = stream.next_sequences[topic_of(stream, event)];
  if (sequence < next) {
    ++(sequence + 1 == next ? tally_.doubled : tally_.out_of_order);
    return;
  }
  (load_.conflate > 0 ? tally_.skipped : tally_.lost) += sequence - next;
  next = sequence + 1;
  tally_.deliveries.store(tally_.deliveries.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  tally_.latency.add(now - published);
  tally_.last_delivery_ns = now;
  if (load_.topics == 1 && sequence < Tally::kFollowed) {
    Tally::Arrivals& arrivals = tally_.arrivals[sequence];
    ++arrivals.count;
    arrivals.published_ns = published;
    arrivals.last_ns = now;
  }
}

void Subscribers::close(Stream& stream) {
  if (stream.link != nullptr && stream.link->socket() >= 0) poller_.remove(stream.link->socket());
  stream.link.reset();
}

}  // namespace millrace::load
