#include "reception.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/peer_address.h"
#include "http/error_response.h"
#include "shares/who.h"
#include "socket_calls.h"

namespace millrace {

namespace {

// Probes a client that has stopped reading this often. Older systems, without the option, probe ever less often, down
// to every two minutes.
void bound_retransmission_pause(int socket, Duration pause) {
#ifdef __linux__
  constexpr int kTcpRtoMaxMs = 44;  // TCP_RTO_MAX_MS of Linux 6.15, which older headers lack
  const auto longest = static_cast<int>(pause.count());
  setsockopt(socket, IPPROTO_TCP, kTcpRtoMaxMs, &longest, sizeof longest);
#else
  static_cast<void>(socket);
  static_cast<void>(pause);
#endif
}

// A loop keeps the connections that it accepts unless it has more than another by over one part in this many.
constexpr std::size_t kUnevenness = 16;

void send_and_close(int socket, const std::string& response) {
  [[maybe_unused]] const auto sent = ::send(socket, response.data(), response.size(), kSendFlags);
  ::close(socket);
}

}  // namespace

void Reception::prepare(int listening_socket) const {
  const int on = 1;
  setsockopt(listening_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bound_retransmission_pause(listening_socket,
                             std::clamp(bounds_.heartbeat / 2, kMinRetransmissionPause, kMaxRetransmissionPause));
  ::fcntl(listening_socket, F_SETFL, ::fcntl(listening_socket, F_GETFL) | O_NONBLOCK);
}

// Uses a duplicate, so that the caller may shut down and close its own descriptor at any time.
void Reception::accept_from(int accepting, int ending, const std::function<void(int socket)>& wait) {
  const auto copy = [](int socket) {
    const int copied = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (copied < 0 && errno != EBADF) throw std::system_error(errno, std::generic_category(), "cannot listen");
    return copied;
  };
  const int end = copy(ending);
  if (end < 0) return;  // shut down already
  const int socket = accepting == ending ? end : accepting;
  for (const auto& loop : parts_.loops.all()) {
    loop->accept_from(socket,
                      [this, &to = *loop](int accepted, const sockaddr_storage& peer) { accept(to, accepted, peer); });
  }
  wait(end);
  stop_accepting();
  ::close(end);
}

void Reception::stop_accepting() {
  for (const auto& loop : parts_.loops.all()) loop->stop_accepting();
}

void Reception::accept(ConnectionLoop& loop, int socket, const sockaddr_storage& peer) {
  auto share = share_of(peer);
  if (!share) {
    return refuse(loop, socket, {429, "too many connections from your address", RefusalReason::kAddressConnections});
  }
  if (!ConnectionCounts::add_to(counts_.open, bounds_.connections)) {
    return refuse(loop, socket, {503, "too many connections to the server", RefusalReason::kConnections});
  }
  loop_for_another(loop).adopt(socket, std::move(*share));
}

std::optional<Quota::Share> Reception::admit_stream(const sockaddr_storage& peer, RequestError& why_not) {
  auto share = share_of(peer);
  if (!share) {
    why_not = {429, "too many connections and streams from your address", RefusalReason::kAddressConnections};
    return std::nullopt;
  }
  if (!ConnectionCounts::add_to(counts_.open, bounds_.connections)) {
    why_not = {503, "too many connections and streams to the server", RefusalReason::kConnections};
    return std::nullopt;
  }
  ++counts_.http2_streams;
  return share;
}

// Of the connections of a proxy, the streams count, as their clients'.
std::optional<Quota::Share> Reception::share_of(const sockaddr_storage& peer) {
  if (parts_.proxies != nullptr && parts_.proxies->trusts(peer)) return Quota::Share();
  return per_address_.take(Who::network(peer));
}

void Reception::refuse(ConnectionLoop& loop, int socket, const RequestError& error) {
  std::string response = answer(error);
  if (ConnectionCounts::add_to(counts_.refused, kMaxTurnedAway)) return loop.refuse(socket, std::move(response));
  if (bounds_.is_clear) return send_and_close(socket, response);
  ::close(socket);
}

void Reception::refuse(int socket) {
  send_and_close(socket,
                 answer({503, "the server was started with httplib::Server::listen(); call millrace::Server::listen()",
                         RefusalReason::kConnections}));
}

// The request has not been read, so its origin is unknown.
std::string Reception::answer(const RequestError& error) {
  parts_.refusals.add(error.status, error.reason);
  return error_response(error, parts_.retry_spread.draw(), parts_.cross_origin.lines_for({}));
}

// The loop that accepted the connection, because that is cheapest, unless another loop has clearly fewer.
ConnectionLoop& Reception::loop_for_another(ConnectionLoop& loop) const {
  const auto& loops = parts_.loops.all();
  ConnectionLoop& idlest = **std::min_element(
      loops.begin(), loops.end(), [](const auto& one, const auto& other) { return one->load() < other->load(); });
  const std::size_t least = idlest.load();
  return loop.load() <= least + least / kUnevenness ? loop : idlest;
}

}  // namespace millrace
