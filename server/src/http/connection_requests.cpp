// Connection's requests, from their first byte until a worker has them. What becomes of a connection then is in
// connection.cpp.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "error_response.h"

namespace millrace {

void Connection::read_request() {
  std::array<char, kReadBytes> buffer;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return close();
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return close();
      break;
    }
    if (intake_ == nullptr) intake_ = std::make_unique<RequestIntake>();
    intake_->append({buffer.data(), static_cast<std::size_t>(count)});
    process_input();
    if (phase_ != Phase::kIdle && phase_ != Phase::kHead && phase_ != Phase::kBody) return;
  }
  loop_.event_loop().modify(socket_, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, *this);
}

// Goes on with what has come in, until a request is whole or something is wrong with it.
void Connection::process_input() {
  const ServerOptions& options = loop_.settings().options;
  const RequestIntake::Progress progress = intake_->advance(options.max_request_head_bytes);
  if (progress == RequestIntake::Progress::kNothing) return;
  if (progress == RequestIntake::Progress::kRefused) return reject(intake_->error());
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kHead;
    set_deadline(options.request_head_deadline);
  }
  if (progress == RequestIntake::Progress::kHead) return;
  if (phase_ == Phase::kHead) {
    phase_ = Phase::kBody;
    set_deadline(options.request_body_deadline);
  }
  if (progress == RequestIntake::Progress::kWhole) dispatch();
}

void Connection::dispatch() {
  phase_ = Phase::kWorking;
  loop_.event_loop().timers().cancel(*this);
  const std::unique_ptr<RequestIntake> intake = std::move(intake_);
  ++requests_;
  loop_.dispatch(std::make_shared<Exchange>(Exchange{.loop = loop_,
                                                     .connection = *this,
                                                     .socket = socket_,
                                                     .head = std::move(intake->head()),
                                                     .input = std::move(intake->input()),
                                                     .last_request = requests_ >= loop_.settings().max_requests}));
}

void Connection::reject(const RequestError& error) {
  loop_.settings().refusals->add(error.status, error.reason);
  set_output(error_response(error));
  keep_alive_ = false;
  intake_.reset();
  phase_ = Phase::kResponding;
  write_output();
}

void Connection::turn_away(std::string response) {
  turned_away_ = true;
  if (!watch()) return close();
  set_output(std::move(response));
  phase_ = Phase::kResponding;
  write_output();
}

void Connection::await_input(Phase phase, Duration deadline) {
  phase_ = phase;
  set_deadline(deadline);
  loop_.event_loop().modify(socket_, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, *this);
}

}  // namespace millrace
