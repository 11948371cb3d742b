#include "connection.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "connection_loop.h"
#include "handshakes.h"
#include "http/proxy_header.h"
#include "http2_connection.h"

namespace millrace {

namespace {

constexpr std::uint32_t kNothing = Ready::kOnce;

constexpr std::string_view kSpeaksTls = "this port speaks TLS: use https://";

// A server has very many connections. The allocator rounds up to steps of 16 bytes and takes 8 bytes itself.
static_assert(sizeof(void*) != 8 || sizeof(Connection) <= 168);

}  // namespace

Connection::Connection(ConnectionLoop& loop, int socket, Quota::Share share)
    : loop_(loop), transport_(socket), share_(std::move(share)) {}

Connection::Connection(ConnectionLoop& loop, Http2Connection& carrier, std::uint32_t stream, Quota::Share share)
    : loop_(loop),
      transport_(~static_cast<int>(stream)),
      share_(std::move(share)),
      http2_(&carrier),
      is_stream_(true) {}

Connection::~Connection() {
  loop_.event_loop().timers().cancel(*this);
  forget();
  if (is_stream_) static_cast<void>(http2_.release());
}

void Connection::start() {
  if (loop_.proxied_clients().expects_header(socket())) return await_proxy_header();
  begin();
}

void Connection::begin() {
  if (loop_.handshakes() != nullptr) return begin_handshake();
  await_first_request();
  if (!watch(kInput)) close();
}

void Connection::become_http2(std::string_view bytes) {
  enter(Phase::kHttp2);
  http2_ = std::make_unique<Http2Connection>(*this);
  http2_->begin(bytes);
}

void Connection::enter(Phase phase) {
  const auto is_busy = [](Phase one) { return one == Phase::kWorking || one == Phase::kResponding; };
  if (is_busy(phase) != is_busy(phase_)) loop_.count_busy(is_busy(phase));
  phase_ = phase;
}

Transport& Connection::transport_of_carrier() const {
  return http2_->root().transport_;
}

void Connection::finish(Exchange& exchange) {
  if (is_stream_ && !http2_->close_pipe(*this, exchange.output.bytes())) {
    enter(Phase::kResponding);
    RequestSide::end_access(*this, exchange);
    return close();
  }
  requests_.finish(*this, exchange);
}

// Its response is an event stream now. If the client has left meanwhile, the first write notices.
void Connection::leave_worker() {
  if (!is_stream_ || phase_ != Phase::kWorking) return;
  std::string output;
  http2_->close_pipe(*this, output);
  enter(Phase::kResponding);
}

void Connection::await_first_request() {
  enter(Phase::kHead);
  set_deadline(loop_.settings().options.http.head_deadline);
}

void Connection::refuse(std::string response) {
  is_refused_ = true;
  if (loop_.handshakes() != nullptr) {
    requests_.prepare(std::move(response));
    return begin_handshake();
  }
  if (!watch(kInput)) return close();
  requests_.respond_last(*this, std::move(response));
}

bool Connection::watch(std::uint32_t events) {
  watched_for_ = packed(events);
  return loop_.event_loop().add(socket(), events, *this);
}

// Most requests need no system call here: the watched events stay while a worker handles the request, until an event
// must wait.
void Connection::watch_for(std::uint32_t events) {
  if (is_stream_) {
    watched_for_ = packed(events);
    if (wants_output()) http2_->await_room();
    return;
  }
  if (std::exchange(watched_for_, packed(events)) != packed(events)) loop_.event_loop().modify(socket(), events, *this);
}

void Connection::want_output(bool wanted) {
  watch_for(kInput | (wanted || has_unsent() ? Ready::kOutput : 0u));
}

void Connection::set_deadline(Duration after) {
  loop_.event_loop().timers().set(*this, loop_.event_loop().now() + after);
}

// The subscriber stays in the table until the turn ends, because the table may be serving it now.
void Connection::close(StreamEnd reason) {
  if (phase_ == Phase::kClosed) return;
  leave_worker();
  if (phase_ == Phase::kStreaming) leave(reason);
  if (phase_ == Phase::kHandshake) loop_.handshakes()->forget(*this);
  if (phase_ == Phase::kWaiting) loop_.forget_waiting(*this);
  enter(Phase::kClosed);
  stop_counting();
  if (is_stream_) {
    http2_->drop(*this);
    return loop_.discard(*this);
  }
  loop_.event_loop().remove(socket());
  loop_.event_loop().timers().cancel(*this);
  if (http2_ != nullptr) {
    ::shutdown(socket(), SHUT_RDWR);  // the socket stays open while workers may read its address
    http2_->on_lost();
    if (http2_->is_needed()) return;
  }
  loop_.discard(*this);
}

void Connection::on_ready(std::uint32_t events) {
  if ((events & Ready::kOutput) != 0 && has_unsent() && (awaits_request() || is_streaming()) && !send_unsent()) return;
  switch (phase_) {
    case Phase::kProxyHeader:
      return read_proxy_header(events);
    case Phase::kHandshake:
      return loop_.handshakes()->enqueue(*this);
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody:
      return requests_.read(*this);
    case Phase::kResponding:
      return requests_.write(*this);
    case Phase::kStreaming:
      return StreamSide::on_ready(events);
    case Phase::kHttp2:
      return http2_->on_ready(events);
    case Phase::kLingering:
      return discard_input();
    case Phase::kWaiting:
      return watch_for(kNothing);
    case Phase::kWorking:
      return is_stream_ ? http2_->pump(*this) : watch_for(kNothing);
    case Phase::kClosed:
      return;
  }
}

void Connection::on_timer(TimePoint now) {
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody:
    case Phase::kResponding:
      return requests_.on_timer(*this);
    case Phase::kStreaming:
      return StreamSide::on_timer(now);
    case Phase::kHttp2:
      return http2_->on_timer(now);
    case Phase::kHandshake:
      loop_.handshakes()->time_out(*this);
      return close();
    case Phase::kProxyHeader:
    case Phase::kIdle:
    case Phase::kLingering:
      return close();
    case Phase::kWaiting:
    case Phase::kWorking:
    case Phase::kClosed:
      return;
  }
}

std::size_t Connection::send(std::span<iovec> buffers) {
  if (is_stream_) return http2_->send(*this, buffers);
  const ssize_t count = transport_.write(buffers);
  if (count >= 0) return static_cast<std::size_t>(count);
  close();
  return 0;
}

// Returns false if bytes stay unsent: further output must wait.
bool Connection::send_unsent() {
  send({});
  if (phase_ == Phase::kClosed || has_unsent()) return false;
  if (awaits_request()) watch_for(kInput);
  return true;
}

// --- The PROXY protocol ---------------------------------------------------------------------------------------------

// Peeks until the header is complete, and then reads exactly the header: the bytes after it belong to the handshake or
// to the first request. SO_RCVLOWAT keeps the socket quiet until enough bytes are there.
void Connection::await_proxy_header() {
  enter(Phase::kProxyHeader);
  set_deadline(loop_.settings().options.http.head_deadline);
  set_least_input(kProxyHeaderBegin);
  if (!watch(kInput)) close();
}

void Connection::set_least_input(std::size_t bytes) {
  const int least = static_cast<int>(bytes);
  setsockopt(socket(), SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
}

void Connection::read_proxy_header(std::uint32_t events) {
  std::array<char, kMaxProxyHeaderBytes> buffer;
  const ssize_t count = ::recv(socket(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return close();
  const ProxyHeader header = millrace::read_proxy_header({buffer.data(), static_cast<std::size_t>(count)});
  const bool has_ended = (events & (Ready::kInputEnd | Ready::kHangUp | Ready::kError)) != 0;
  if (header.status == ProxyHeader::Status::kIncomplete && !has_ended) return set_least_input(header.bytes);
  if (header.status != ProxyHeader::Status::kWhole) {
    const ConnectionLoop::Settings& settings = loop_.settings();
    settings.refusals->add(400, RefusalReason::kProxyHeader);
    if (settings.on_foreign_protocol != nullptr) {
      settings.on_foreign_protocol(RefusalReason::kProxyHeader, loop_.proxied_clients().address_of(*this));
    }
    return close();
  }
  if (::recv(socket(), buffer.data(), header.bytes, MSG_DONTWAIT) != static_cast<ssize_t>(header.bytes)) return close();
  set_least_input(1);
  loop_.event_loop().remove(socket());
  if (!header.client || loop_.proxied_clients().add(*this, *header.client)) return begin();
  // With TLS, a response before the handshake would be noise.
  if (loop_.handshakes() != nullptr || !watch(kInput)) return close();
  requests_.respond_last(*this, loop_.settings().answer_refused({429, "too many connections from your address",
                                                                 RefusalReason::kAddressConnections}));
}

// --- The TLS handshake ---------------------------------------------------------------------------------------------

// A handshake is expensive, so Handshakes gives it a turn. Until then the socket reports nothing more.
void Connection::begin_handshake() {
  enter(Phase::kHandshake);
  set_deadline(loop_.handshakes()->deadline());
  if (!watch(kInput | Ready::kOnce)) close();
}

void Connection::shake_hands() {
  TlsChannel::Handshake handshake = TlsChannel::Handshake::kFailed;
  try {
    if (transport_.is_clear()) transport_.set_tls(loop_.handshakes()->begin(*this));
    handshake = transport_.tls()->shake_hands();
  } catch (const std::bad_alloc&) {
    return close();
  }
  switch (handshake) {
    case TlsChannel::Handshake::kWaits:
      send({});
      if (phase_ == Phase::kClosed) return;
      // Arms the one-shot watch again.
      watched_for_ = 0;
      return watch_for(kInput | Ready::kOnce | (has_unsent() ? Ready::kOutput : 0u));
    case TlsChannel::Handshake::kClearText:
      loop_.handshakes()->forget(*this);
      transport_.set_tls(nullptr);
      if (is_refused_) return requests_.respond_prepared(*this);
      return requests_.reject(*this, {400, kSpeaksTls, RefusalReason::kClearText});
    case TlsChannel::Handshake::kFailed:
      loop_.handshakes()->fail(*this);
      enter(Phase::kResponding);
      send({});  // the alert
      return phase_ == Phase::kClosed ? void() : linger();
    case TlsChannel::Handshake::kDone:
      return finish_handshake();
  }
}

void Connection::finish_handshake() {
  loop_.handshakes()->finish(*this);
  enter(Phase::kHead);
  send({});
  if (phase_ == Phase::kClosed) return;
  if (is_refused_) return requests_.respond_prepared(*this);
  await_first_request();
  want_output(false);
}

// Closing with unread input would reset the connection, and with it a response still on its way. [RFC 9112 9.6]
void Connection::linger() {
  assert(phase_ != Phase::kClosed);
  if (is_stream_) return http2_->end(*this);
  enter(Phase::kLingering);
  stop_counting();
  transport_.end_output();
  set_deadline(kLingerTimeout);
  watch_for(kInput);
}

void Connection::discard_input() {
  if (is_stream_) return;
  std::array<char, RequestSide::kReadBytes> buffer;
  for (int reads = 0; reads < RequestSide::kReadsPerTurn; ++reads) {
    const ssize_t count = phase_ == Phase::kLingering ? transport_.read_socket(buffer.data(), buffer.size())
                                                      : transport_.read(buffer.data(), buffer.size());
    if (count > 0) {
      requests_.follow_no_more();
      continue;
    }
    if (count != -EAGAIN) close();
    return;
  }
}

}  // namespace millrace
