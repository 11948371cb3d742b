// Connection's requests, from their first byte until a worker has them, and the responses. What becomes of a connection
// else is in connection.cpp.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "http/error_response.h"
#include "millrace/core/limits.h"

namespace millrace {

// --- Requests -------------------------------------------------------------------------------------------------------

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
    if (!take_in({buffer.data(), static_cast<std::size_t>(count)})) return;
    process_input();
    if (!awaits_request() || static_cast<std::size_t>(count) < buffer.size()) return;
  }
}

// Bodies are what takes most memory of all that strangers can ask for: who comes where there is none is turned away,
// and gives back what it had.
bool Connection::take_in(std::string_view bytes) {
  try {
    if (intake_ == nullptr) {
      intake_ = std::make_unique<RequestIntake>(std::string(), BufferBudget::Share(loop_.settings().buffers));
    }
    if (intake_->append(bytes)) return true;
  } catch (const std::bad_alloc&) {
    // the same
  }
  std::string origin;
  try {
    if (intake_ != nullptr) origin = origin_in(intake_->view());
  } catch (const std::bad_alloc&) {
    // the page is not told why
  }
  const bool is_to_head = intake_ != nullptr && intake_->is_to_head();
  intake_.reset();
  reject({503, kNoMemory, RefusalReason::kMemory}, is_to_head, origin);
  return false;
}

// Goes on with what has come in: answers what needs no worker, until a request is not whole, is a worker's, or
// something is wrong with it. The answers go out together.
void Connection::process_input() {
  const ServerOptions& options = loop_.settings().options;
  for (int requests = 0; requests < kDirectRequestsPerTurn; ++requests) {
    const RequestIntake::Progress progress = intake_->advance(options.http.max_head_bytes);
    if (progress == RequestIntake::Progress::kWhole) {
      if (!serve_request()) return;
      continue;
    }
    if (progress == RequestIntake::Progress::kRefused) return reject(intake_->error());
    if (progress == RequestIntake::Progress::kNothing) {
      if (phase_ == Phase::kIdle) intake_.reset();
    } else if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHead;
      set_deadline(options.http.head_deadline);
    }
    if (progress == RequestIntake::Progress::kBody && phase_ == Phase::kHead) {
      phase_ = Phase::kBody;
      set_deadline(options.http.body_deadline);
    }
    send_answers();
    return;
  }
  await_room();  // the others want their turn
}

// False if the connection has come to something else than the next request.
bool Connection::serve_request() {
  // Answers to what is published wait for one another and go out together. What a stream writes comes behind them.
  const bool is_publish = intake_->view().starts_with("POST ");
  if (!is_publish && !send_answers()) return false;
  const std::size_t request_bytes = intake_->head().bytes + static_cast<std::size_t>(intake_->head().content_length);
  Exchange exchange{.loop = loop_,
                    .connection = *this,
                    .socket = socket_,
                    .head = std::move(intake_->head()),
                    .input = {},
                    .last_request = requests_ + 1 >= loop_.settings().max_requests};
  if (!loop_.serve_here(exchange, intake_->view())) {
    if (send_answers()) {
      dispatch(std::move(exchange));
    } else if (phase_ != Phase::kClosed) {
      intake_->head() = std::move(exchange.head);
    }
    return false;
  }
  ++requests_;
  if (exchange.taken) {
    intake_.reset();
    return false;
  }
  append_output(std::move(exchange.output.bytes()));
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

// False if they do not all go, and what comes behind them has to wait.
bool Connection::send_answers() {
  if (send_output()) return true;
  if (phase_ != Phase::kClosed) await_room();
  return false;
}

void Connection::dispatch(Exchange exchange) {
  phase_ = Phase::kWorking;
  loop_.event_loop().timers().cancel(*this);
  ++requests_;
  exchange.input = std::move(intake_->input());
  exchange.share = std::move(intake_->share());
  intake_.reset();
  loop_.dispatch(std::make_shared<Exchange>(std::move(exchange)));
}

void Connection::reject(const RequestError& error) {
  if (intake_ == nullptr) return reject(error, false, {});
  const std::string origin = loop_.settings().cross_origin != nullptr ? origin_in(intake_->view()) : std::string();
  reject(error, intake_->is_to_head(), origin);
}

void Connection::reject(const RequestError& error, bool is_to_head, const std::string& origin) {
  const ConnectionLoop::Settings& settings = loop_.settings();
  settings.refusals->add(error.status, error.reason);
  const bool is_foreign = error.reason == RefusalReason::kTls || error.reason == RefusalReason::kHttp2;
  if (is_foreign && settings.on_foreign_protocol != nullptr) settings.on_foreign_protocol(error.reason, socket_);
  const Duration wait = loop_.random_retry(kRetryAfter, 2 * kRetryAfter);
  ResponseOutput output(is_to_head, false);
  output.append(
      error_response(error, error.status == 503 ? std::to_string(wait.count() / 1000) : std::string(),
                     settings.cross_origin != nullptr ? settings.cross_origin->lines_for(origin) : std::string()));
  append_output(std::move(output.bytes()));
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

// --- Responses ------------------------------------------------------------------------------------------------------

void Connection::finish(Exchange& exchange) {
  keep_alive_ = exchange.keep_alive;
  set_output(std::move(exchange.output.bytes()), std::move(exchange.share));
  if (keep_alive_ && exchange.consumed < exchange.input.size()) {
    intake_ = std::make_unique<RequestIntake>(exchange.input.substr(exchange.consumed),
                                              BufferBudget::Share(loop_.settings().buffers));
  }
  phase_ = Phase::kResponding;
  write_output();
}

void Connection::write_output() {
  if (send_answers()) after_response();
}

void Connection::set_output(std::string bytes, BufferBudget::Share share) {
  output_ =
      bytes.empty()
          ? nullptr
          : std::make_unique<Unwritten>(Unwritten{.bytes = std::move(bytes), .begin = 0, .share = std::move(share)});
}

// Behind what waits already.
void Connection::append_output(std::string bytes) {
  if (output_ == nullptr) return set_output(std::move(bytes));
  output_->bytes.append(bytes);
}

// To write on, or to go on: with neither, the connection is closed. Who takes a byte now and then shall not keep the
// rest in memory for ever.
void Connection::await_room() {
  phase_ = Phase::kResponding;
  const ConnectionLoop::Settings& settings = loop_.settings();
  Duration patience = settings.write_timeout;
  if (output_ != nullptr) {
    const TimePoint now = loop_.event_loop().now();
    if (!output_->waiting_since) output_->waiting_since = now;
    const Duration earned{static_cast<Duration::rep>(output_->begin * 1000 / kMinDownloadBytesPerSecond)};
    const TimePoint end = *output_->waiting_since + settings.options.http.body_deadline + earned;
    patience = std::clamp(end - now, Duration{0}, patience);
  }
  set_deadline(patience);
  watch_for(EPOLLOUT);
}

// Whether all of output_ has been written.
bool Connection::send_output() {
  if (output_ == nullptr) return true;
  std::string& bytes = output_->bytes;
  iovec buffer{.iov_base = bytes.data() + output_->begin, .iov_len = bytes.size() - output_->begin};
  output_->begin += send({&buffer, 1});
  if (output_->begin < bytes.size()) return false;
  output_.reset();
  return true;
}

void Connection::after_response() {
  if (!keep_alive_) return linger();
  if (intake_ == nullptr) return await_input(Phase::kIdle, loop_.settings().keep_alive);
  // Pipelined: the next request is here already, or has begun.
  await_input(Phase::kIdle, loop_.settings().keep_alive);
  process_input();
}

// Closing with unread input would reset the connection, and with it a response still on its way. [RFC 9112 9.6]
void Connection::linger() {
  phase_ = Phase::kLingering;
  ::shutdown(socket_, SHUT_WR);
  set_deadline(kLingerTimeout);
  watch_for(kInput);
}

void Connection::discard_input() {
  std::array<char, kReadBytes> buffer;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) close();
    return;
  }
}

}  // namespace millrace
