// How a loop writes to its sockets: the chunks of many subscribers, and the output of HTTP/2 connections, each
// together.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/exemplars.h"
#include "connection.h"
#include "connection_loop.h"
#include "http2_connection.h"

namespace millrace {

namespace {

// Streams of one HTTP/2 connection share a write: while there are few writes, the loop serves more subscribers, up to
// this many times kServedAtOnce.
constexpr std::size_t kMostRounds = 64;

}  // namespace

void ConnectionLoop::write(std::span<Delivery> deliveries) {
  sends_.clear();
  sealed_.clear();
  records_.clear();
  for (Delivery& delivery : deliveries) {
    Connection& connection = stream_of(*delivery.subscriber).connection();
    if (!delivery.chunks.empty() && connection.is_streaming()) {
      sends_.push_back({.socket = connection.socket(), .bytes = sealed_if_due(connection, delivery.chunks)});
    } else {
      Subscriber& subscriber = *delivery.subscriber;
      delivery.written = subscriber.outlet().write(delivery.frames, 0, subscriber.form());
    }
  }
  sender_->send(sends_);
  written_ += sends_.size();
  uses_io_uring_.store(sender_->uses_io_uring(), std::memory_order_relaxed);
  auto sent = sends_.begin();
  auto sealed = sealed_.begin();
  for (Delivery& delivery : deliveries) {
    StreamSide& stream = stream_of(*delivery.subscriber);
    if (delivery.chunks.empty() || !stream.connection().is_streaming()) continue;
    const ssize_t result = (sent++)->result;
    delivery.written = stream.connection().transport().is_clear()
                           ? stream.take_result(delivery.frames, delivery.chunks, result)
                           : stream.take_sealed_result(delivery.frames, delivery.chunks, *sealed++, result);
  }
}

// The bytes to send for `chunks`. With TLS they are in records_, which has room for all records of one write().
std::string_view ConnectionLoop::sealed_if_due(Connection& connection, std::string_view chunks) {
  if (connection.transport().is_clear()) return chunks;
  return sealed_.emplace_back(connection.transport().tls()->seal(chunks, records_)).record;
}

void ConnectionLoop::on_served(const Frame& oldest) {
  const auto waited = static_cast<std::uint64_t>(std::max(monotonic_now() - oldest.published, Duration{0}).count());
  const std::size_t bucket = counters_.publish_to_write.add(waited);
  if (oldest.trace_fields().empty()) return;
  if (const auto trace = sampled_trace(oldest.trace())) {
    counters_.publish_to_write_exemplars.keep(bucket, {.trace = *trace, .value = waited, .time = wall_clock()});
  }
}

// --- HTTP/2 ---------------------------------------------------------------------------------------------------------

bool ConnectionLoop::gathers_more(std::size_t& rounds) const {
  return !to_send_.empty() && written_ + to_send_.size() < kServedAtOnce && ++rounds < kMostRounds;
}

void ConnectionLoop::wake_http2() {
  for (Http2Connection* const connection : std::exchange(to_wake_, {})) connection->wake();
}

// Sends the output of all streams of a connection at once, with TLS mostly in one record.
void ConnectionLoop::send_http2() {
  const std::vector<Http2Connection*> all = std::exchange(to_send_, {});
  for (std::span<Http2Connection* const> left = all; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kServedAtOnce));
    send_http2(some);
    left = left.subspan(some.size());
  }
}

void ConnectionLoop::send_http2(std::span<Http2Connection* const> connections) {
  sends_.clear();
  sealed_.clear();
  records_.clear();
  for (const Http2Connection* const connection : connections) {
    const std::string_view bytes = connection->sealed();
    if (bytes.empty()) continue;
    sends_.push_back({.socket = connection->root().socket(), .bytes = sealed_if_due(connection->root(), bytes)});
  }
  sender_->send(sends_);
  auto sent = sends_.begin();
  auto sealed = sealed_.begin();
  for (Http2Connection* const connection : connections) {
    if (connection->sealed().empty()) {
      connection->took(0);
    } else if (connection->root().transport().is_clear()) {
      take_result(*connection, (sent++)->result);
    } else {
      take_sealed_result(*connection, *sealed++, (sent++)->result);
    }
  }
}

void ConnectionLoop::take_result(Http2Connection& connection, ssize_t result) {
  if (result < 0 && result != -EAGAIN) return connection.root().close();
  connection.took(static_cast<std::size_t>(std::max<ssize_t>(result, 0)));
}

// A record holds a bounded number of bytes: send() writes the rest, unless the socket is full.
void ConnectionLoop::take_sealed_result(Http2Connection& connection, const TlsChannel::Sealed& sealed, ssize_t result) {
  Connection& root = connection.root();
  if (!root.transport().tls()->settle(sealed.record, result)) return root.close();
  std::size_t taken = sealed.plain;
  const std::string_view rest = connection.sealed().substr(taken);
  if (!rest.empty() && !root.has_unsent()) {
    iovec buffer{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};  // iovec is not const
    taken += root.send({&buffer, 1});
  }
  connection.took(taken);
}

}  // namespace millrace
