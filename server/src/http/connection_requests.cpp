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
      return;
    }
    if (intake_ == nullptr) intake_ = std::make_unique<RequestIntake>();
    intake_->append({buffer.data(), static_cast<std::size_t>(count)});
    process_input();
    if (!awaits_request() || static_cast<std::size_t>(count) < buffer.size()) return;
  }
}

// Goes on with what has come in: answers what needs no worker, until a request is not whole, is a worker's, or
// something is wrong with it. The answers go out together.
void Connection::process_input() {
  const ServerOptions& options = loop_.settings().options;
  for (int requests = 0; requests < kRequestsPerTurn; ++requests) {
    const RequestIntake::Progress progress = intake_->advance(options.max_request_head_bytes);
    if (progress == RequestIntake::Progress::kWhole) {
      if (!serve_request()) return;
      continue;
    }
    if (progress == RequestIntake::Progress::kRefused) return reject(intake_->error());
    if (progress == RequestIntake::Progress::kNothing) {
      if (phase_ == Phase::kIdle) intake_.reset();
    } else if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHead;
      set_deadline(options.request_head_deadline);
    }
    if (progress == RequestIntake::Progress::kBody && phase_ == Phase::kHead) {
      phase_ = Phase::kBody;
      set_deadline(options.request_body_deadline);
    }
    if (!send_output() && phase_ != Phase::kClosed) await_room();
    return;
  }
  await_room();  // the others want their turn
}

// False if the connection has come to something else than the next request.
bool Connection::serve_request() {
  // What a worker or a stream writes comes behind the answers that wait.
  const bool is_publish = intake_->view().starts_with("POST ");
  if (!is_publish && !send_output()) {
    if (phase_ != Phase::kClosed) await_room();
    return false;
  }
  const std::size_t request_bytes = intake_->head().bytes + static_cast<std::size_t>(intake_->head().content_length);
  Exchange exchange{.loop = loop_,
                    .connection = *this,
                    .socket = socket_,
                    .head = std::move(intake_->head()),
                    .input = {},
                    .last_request = requests_ + 1 >= loop_.settings().max_requests};
  if (!loop_.serve_here(exchange, intake_->view())) {
    if (is_publish && !send_output()) {
      intake_->head() = std::move(exchange.head);
      if (phase_ != Phase::kClosed) await_room();
      return false;
    }
    dispatch(std::move(exchange));
    return false;
  }
  ++requests_;
  if (exchange.taken) {
    intake_.reset();
    return false;
  }
  append_output(std::move(exchange.output));
  keep_alive_ = exchange.keep_alive;
  if (!keep_alive_) {
    intake_.reset();
    phase_ = Phase::kResponding;
    write_output();
    return false;
  }
  intake_->begin_next(request_bytes);
  phase_ = Phase::kIdle;
  set_deadline(loop_.settings().keep_alive);
  return true;
}

void Connection::dispatch(Exchange exchange) {
  phase_ = Phase::kWorking;
  loop_.event_loop().timers().cancel(*this);
  ++requests_;
  exchange.input = std::move(intake_->input());
  intake_.reset();
  loop_.dispatch(std::make_shared<Exchange>(std::move(exchange)));
}

void Connection::reject(const RequestError& error) {
  loop_.settings().refusals->add(error.status, error.reason);
  append_output(error_response(error));
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
  watch_for(kInput);
}

}  // namespace millrace
