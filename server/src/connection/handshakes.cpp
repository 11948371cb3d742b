#include "handshakes.h"

#include <algorithm>

#include "connection.h"
#include "connection_loop.h"

namespace millrace {

void Handshakes::enqueue(Connection& connection) {
  Place& place = places_[&connection].waiting;
  if (!place) place = waiting_.insert(waiting_.end(), &connection);
}

std::unique_ptr<TlsChannel> Handshakes::begin(Connection& connection) {
  if (begun_.size() >= terms_.max_handshakes) cut_longest();
  auto channel = context_.open(connection.socket());
  places_[&connection].begun = begun_.insert(begun_.end(), &connection);
  return channel;
}

// Spares handshakes that wait for a turn of the loop: the server does not wait for their clients.
void Handshakes::cut_longest() {
  const auto longest =
      std::find_if(begun_.begin(), begun_.end(), [this](Connection* one) { return !places_[one].waiting; });
  counters_.handshakes_cut.add(1);
  (longest != begun_.end() ? *longest : begun_.front())->close();
}

void Handshakes::finish(Connection& connection) {
  forget(connection);
  pass_on_remark(connection);
  (connection.transport().tls()->is_resumed() ? counters_.handshakes_resumed : counters_.handshakes_full).add(1);
}

void Handshakes::fail(Connection& connection) {
  forget(connection);
  counters_.handshakes_failed.add(1);
  pass_on_remark(connection);
}

void Handshakes::pass_on_remark(Connection& connection) {
  const TlsChannel::Remark remark = connection.transport().tls()->take_remark();
  if (remark.sentence.empty() || terms_.on_remark == nullptr) return;
  terms_.on_remark(remark, connection.loop().proxied_clients().address_of(connection));
}

void Handshakes::time_out(Connection& connection) {
  forget(connection);
  counters_.handshakes_cut.add(1);
}

void Handshakes::forget(Connection& connection) {
  if (const auto place = places_.find(&connection); place != places_.end()) {
    if (place->second.begun) begun_.erase(*place->second.begun);
    if (place->second.waiting) waiting_.erase(*place->second.waiting);
    places_.erase(place);
  }
}

void Handshakes::take_turns(bool events_wait) {
  const auto until = std::chrono::steady_clock::now() + kTlsHandshakeTime;
  std::size_t turns = std::min(waiting_.size(), events_wait ? kTlsHandshakesBesideEvents : kTlsHandshakesPerTurn);
  for (; turns > 0 && !waiting_.empty(); --turns) {
    Connection& connection = *waiting_.front();
    waiting_.pop_front();
    places_[&connection].waiting.reset();
    connection.shake_hands();
    if (std::chrono::steady_clock::now() >= until) return;
  }
}

}  // namespace millrace
