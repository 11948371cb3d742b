#include "wire.h"

#include <algorithm>
#include <utility>

#include "millrace/server/limits.h"

namespace millrace::simulation {

void Wire::attach(ServerEnd& server) {
  server_ = &server;
  // Who had gone before is noticed at once.
  if (reset_) schedule_.after(Duration{0}, [self = shared_from_this()] { self->close_server(); });
}

std::size_t Wire::write(std::string_view bytes) {
  const std::size_t room = character_.capacity - std::min(character_.capacity, bytes_.size());
  bytes = bytes.substr(0, std::min({room, credit_, bytes.size()}));
  bytes_.append(bytes);
  if (credit_ != kNoWindow) credit_ -= bytes.size();
  if (!dark_) {
    expect_delivery();
  } else if (!bytes.empty() && !std::exchange(unacknowledged_, true)) {
    schedule_.after(kUnacknowledgedTimeout, [self = shared_from_this()] { self->close_server(); });
  }
  return bytes.size();
}

void Wire::want_writable(bool wanted) {
  wants_writable_ = wanted;
  if (wanted) expect_writable();
}

// As epoll says it: for as long as it is wanted and there is room.
void Wire::expect_writable() {
  if (server_ == nullptr || writable_expected_ || bytes_.size() >= character_.capacity || credit_ == 0) return;
  writable_expected_ = true;
  schedule_.after(random_.between(Duration{0}, Duration{2}), [self = shared_from_this()] {
    self->writable_expected_ = false;
    if (!self->wants_writable_ || self->server_ == nullptr || self->credit_ == 0) return;
    self->server_->on_writable();
    if (self->wants_writable_) self->expect_writable();
  });
}

// Clients give credit for half a window at once.
void Wire::has_read(std::size_t bytes) {
  if (credit_ == kNoWindow) return;
  owed_ += bytes;
  if (owed_ < (character_.window + 1) / 2 || credit_expected_ || dark_) return;
  credit_expected_ = true;
  schedule_.at(std::max(schedule_.now() + delay(), shut_until_), [self = shared_from_this()] { self->give_credit(); });
}

void Wire::give_credit() {
  credit_expected_ = false;
  if (dark_ || credit_ == kNoWindow) return;
  credit_ += std::exchange(owed_, 0);
  if (wants_writable_) expect_writable();
}

bool Wire::shut_window(Duration time) {
  shut_until_ = schedule_.now() + time;
  return credit_ != kNoWindow;
}

void Wire::finish() {
  finished_ = true;
  server_ = nullptr;
  expect_delivery();
}

void Wire::abandon(bool silently) {
  server_ = nullptr;
  if (silently) {
    dark_ = true;
  } else if (!dark_) {
    last_bytes_ = random_.below(bytes_.size() + 1);
    expect_delivery();
  }
}

void Wire::drop() {
  client_ = nullptr;
  if (dark_) return;
  reset_ = true;
  schedule_.after(delay(), [self = shared_from_this()] { self->close_server(); });
}

void Wire::refuse() {
  last_bytes_ = 0;
  expect_delivery();
}

void Wire::suffer(Fault fault) {
  switch (fault) {
    case Fault::kReset:
      reset_ = true;
      last_bytes_ = random_.below(bytes_.size() + 1);
      expect_delivery();
      schedule_.after(delay(), [self = shared_from_this()] { self->close_server(); });
      return;
    case Fault::kClientVanishes:
      dark_ = true;
      schedule_.after(delay(), [self = shared_from_this()] { self->break_client(); });
      break;
    case Fault::kServerVanishes:
      dark_ = true;
      close_server();
      return;
    case Fault::kBlackHole:
      dark_ = true;
      break;
  }
  // What was under way is never acknowledged, and with windows neither is the PING of a heartbeat.
  if ((!bytes_.empty() || character_.window != kNoWindow) && !std::exchange(unacknowledged_, true)) {
    schedule_.after(kUnacknowledgedTimeout, [self = shared_from_this()] { self->close_server(); });
  }
}

void Wire::heal() {
  character_ = {};
  character_.delay = Duration{1};
  credit_ = kNoWindow;
  stalled_until_ = {};
  delivery_expected_ = false;  // the one that is may be an hour off
  expect_delivery();
  if (wants_writable_) expect_writable();
}

void Wire::expect_delivery() {
  if (delivery_expected_ || client_ == nullptr || dark_) return;
  delivery_expected_ = true;
  schedule_.after(delay(), [self = shared_from_this()] {
    self->delivery_expected_ = false;
    self->deliver();
  });
}

void Wire::deliver() {
  if (client_ == nullptr || dark_) return;
  if (schedule_.now() < stalled_until_) {
    delivery_expected_ = true;
    schedule_.at(stalled_until_, [self = shared_from_this()] {
      self->delivery_expected_ = false;
      self->deliver();
    });
    return;
  }
  const std::size_t most = std::min({character_.piece, bytes_.size(), last_bytes_});
  if (most > 0) {
    const std::string piece = bytes_.substr(0, random_.between(1, most));
    bytes_.erase(0, piece.size());
    if (last_bytes_ != std::string::npos) last_bytes_ -= piece.size();
    has_read(piece.size());
    client_->on_bytes(piece);
    if (wants_writable_) expect_writable();
  }
  if (client_ == nullptr) return;
  if (last_bytes_ == 0) return break_client();
  if (!bytes_.empty()) return expect_delivery();
  if (!finished_) return;
  ClientEnd* const client = std::exchange(client_, nullptr);
  client->on_end();
}

void Wire::break_client() {
  if (ClientEnd* const client = std::exchange(client_, nullptr)) client->on_broken();
}

void Wire::close_server() {
  if (ServerEnd* const server = std::exchange(server_, nullptr)) server->on_closed();
}

}  // namespace millrace::simulation
