#include "request_side.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "connection.h"
#include "connection_loop.h"
#include "http/error_response.h"
#include "http2_connection.h"
#include "shares/publish_work.h"
#include "shares/rate_floor.h"
#include "shares/retry_spread.h"
#include "transport_wire.h"

namespace millrace {

// --- Requests -------------------------------------------------------------------------------------------------------

void RequestSide::read(Connection& connection) {
  std::array<char, kReadBytes> buffer;
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t count = connection.transport().read(buffer.data(), buffer.size());
    if (count == -EAGAIN) return;
    if (count <= 0) return connection.close();
    if (!keep(connection, {buffer.data(), static_cast<std::size_t>(count)})) return;
    if (begins_http2(connection)) return connection.become_http2(std::exchange(intake_, nullptr)->input());
    process_input(connection);
    if (!connection.awaits_request() || static_cast<std::size_t>(count) < buffer.size()) return;
    if (connection.has_stream()) return;  // over, and removed when this turn ends: the next request must wait for that
  }
}

void RequestSide::take_in(Connection& connection, std::string_view bytes) {
  if (keep(connection, bytes)) process_input(connection);
}

// Recognizes HTTP/2 by the first line of its preface. [RFC 9113 3.4]
bool RequestSide::begins_http2(const Connection& connection) const {
  constexpr std::string_view kFirstLine = "PRI * HTTP/2.0\r\n";
  return served_ == 0 && intake_->view().starts_with(kFirstLine) && connection.loop().settings().options.http.http2;
}

// Of everything that unknown clients can send, bodies take the most memory: without memory for more, it drops the
// request and answers 503.
bool RequestSide::keep(Connection& connection, std::string_view bytes) {
  try {
    if (intake_ == nullptr) {
      intake_ =
          std::make_unique<RequestIntake>(std::string(), BufferBudget::Share(connection.loop().settings().buffers));
    }
    if (intake_->append(bytes)) return true;
  } catch (const std::bad_alloc&) {
    // handled as a lack of room
  }
  std::string origin;
  try {
    if (intake_ != nullptr) origin = origin_in(intake_->view());
  } catch (const std::bad_alloc&) {
    // then a web page cannot read the refusal
  }
  const bool is_to_head = intake_ != nullptr && intake_->is_to_head();
  intake_.reset();
  reject(connection, {503, kNoMemory, RefusalReason::kMemory}, is_to_head, origin);
  return false;
}

// Processes the input: answers requests that need no worker, up to one that is incomplete, needs a worker, or is
// invalid. The answers are sent together.
void RequestSide::process_input(Connection& connection) {
  const ServerOptions& options = connection.loop().settings().options;
  for (int requests = 0; requests < kDirectRequestsPerTurn; ++requests) {
    const RequestIntake::Progress progress = intake_->advance(options.http.max_head_bytes);
    if (progress == RequestIntake::Progress::kWhole) {
      if (!has_turn(connection) || !serve_request(connection)) return;
      continue;
    }
    if (progress == RequestIntake::Progress::kRefused) return reject(connection, intake_->error());
    if (progress == RequestIntake::Progress::kNothing) {
      if (connection.phase() == Connection::Phase::kIdle) intake_.reset();
    } else if (connection.phase() == Connection::Phase::kIdle) {
      connection.enter(Connection::Phase::kHead);
      connection.set_deadline(options.http.head_deadline);
    }
    if (progress == RequestIntake::Progress::kBody && connection.phase() == Connection::Phase::kHead) {
      connection.enter(Connection::Phase::kBody);
      connection.set_deadline(options.http.body_deadline);
    }
    send_answers(connection);
    return;
  }
  await_room(connection);  // other connections get their turn
}

// Otherwise the request waits, with what the client sends after it.
bool RequestSide::has_turn(Connection& connection) {
  const bool is_publish = intake_->view().starts_with("POST ");
  if (!is_publish || connection.loop().has_turn(connection)) return true;
  if (!send_answers(connection)) return false;
  connection.enter(Connection::Phase::kWaiting);
  connection.loop().event_loop().timers().cancel(connection);
  connection.loop().wait_for_turn(connection);
  return false;
}

void RequestSide::take_turn(Connection& connection) {
  connection.enter(Connection::Phase::kIdle);
  connection.set_deadline(connection.loop().settings().keep_alive);
  connection.watch_for(Connection::kInput);
  process_input(connection);
  if (connection.awaits_request() && connection.transport().has_pending_input()) read(connection);
}

// Returns true if the connection is ready for the next request.
bool RequestSide::serve_request(Connection& connection) {
  // Answers to publish requests are collected and sent together, before anything that a stream writes.
  const bool is_publish = intake_->view().starts_with("POST ");
  if (!is_publish && !send_answers(connection)) return false;
  const std::size_t request_bytes = intake_->head().bytes + static_cast<std::size_t>(intake_->head().content_length);
  Exchange exchange{.loop = connection.loop(),
                    .connection = connection,
                    .socket = connection.socket(),
                    .tls = connection.transport().tls(),
                    .head = std::move(intake_->head()),
                    .input = {},
                    .last_request = served_ + 1 >= connection.loop().settings().max_requests};
  exchange.head.is_http2 = connection.is_stream();
  identify(connection, exchange);
  // Input during an event stream is discarded, and with it perhaps the beginning of a request.
  const bool may_follow_stream = !connection.is_stream() && !exchange.is_last() && !exchange.head.http_1_0 &&
                                 !exchange.head.chunked && intake_->view().size() == request_bytes;
  const bool kept_alive = std::exchange(keep_alive_, may_follow_stream);
  if (!connection.loop().serve_here(exchange, intake_->view())) {
    if (send_answers(connection)) {
      dispatch(connection, std::move(exchange));
    } else if (connection.phase() != Connection::Phase::kClosed) {
      keep_alive_ = kept_alive;
      intake_->head() = std::move(exchange.head);
    }
    return false;
  }
  ++served_;
  if (is_publish) {
    connection.loop().spend_turn(
        publish_work(intake_->view().substr(exchange.head.bytes, request_bytes - exchange.head.bytes)));
  }
  if (exchange.taken) {
    intake_.reset();
    if (connection.phase() == Connection::Phase::kResponding) write(connection);  // the stream is over already
    return false;
  }
  end_access(connection, exchange);
  append_output(std::move(exchange.output.bytes()));
  keep_alive_ = exchange.keep_alive;
  if (!keep_alive_) {
    intake_.reset();
    connection.enter(Connection::Phase::kResponding);
    write(connection);
    return false;
  }
  intake_->begin_next(request_bytes);
  connection.enter(Connection::Phase::kIdle);
  connection.set_deadline(connection.loop().settings().keep_alive);
  return true;
}

// Finds the client behind a trusted proxy, and begins the access record.
void RequestSide::identify(Connection& connection, Exchange& exchange) const {
  const ProxiedClients& clients = connection.loop().proxied_clients();
  exchange.client = clients.of(connection, intake_->view().substr(0, exchange.head.bytes));
  exchange.is_client_counted = clients.has(connection);
  const ServerOptions& options = connection.loop().settings().options;
  if (options.on_access == nullptr) return;
  exchange.access =
      begin_access(options, intake_->view(), client_address(exchange), connection.loop().event_loop().now());
}

// Returns false if some stay unsent: further output must wait.
bool RequestSide::send_answers(Connection& connection) {
  if (send_output(connection)) return true;
  if (connection.phase() != Connection::Phase::kClosed) await_room(connection);
  return false;
}

void RequestSide::dispatch(Connection& connection, Exchange exchange) {
  connection.enter(Connection::Phase::kWorking);
  connection.loop().event_loop().timers().cancel(connection);
  ++served_;
  exchange.input = std::move(intake_->input());
  exchange.share = std::move(intake_->share());
  if (connection.is_stream()) {
    exchange.wire = connection.http2()->open_pipe(connection);
  } else {
    exchange.wire = std::make_shared<TransportWire>(connection.transport());
  }
  intake_.reset();
  connection.loop().dispatch(std::make_shared<Exchange>(std::move(exchange)));
}

void RequestSide::reject(Connection& connection, const RequestError& error) {
  if (intake_ == nullptr) return reject(connection, error, false, {});
  const std::string origin =
      connection.loop().settings().cross_origin != nullptr ? origin_in(intake_->view()) : std::string();
  reject(connection, error, intake_->is_to_head(), origin);
}

void RequestSide::reject(Connection& connection, const RequestError& error, bool is_to_head,
                         const std::string& origin) {
  const ConnectionLoop::Settings& settings = connection.loop().settings();
  settings.refusals->add(error.status, error.reason);
  note_rejection(connection, error.status);
  const bool is_foreign = error.reason == RefusalReason::kTls || error.reason == RefusalReason::kHttp2 ||
                          error.reason == RefusalReason::kClearText;
  if (is_foreign && settings.on_foreign_protocol != nullptr)
    settings.on_foreign_protocol(error.reason, connection.loop().proxied_clients().address_of(connection));
  const Duration wait = connection.loop().random_retry(kRetryAfter, 2 * kRetryAfter);
  ResponseOutput output(is_to_head, false);
  output.append(
      error_response(error, error.status == 503 ? std::to_string(wait.count() / 1000) : std::string(),
                     settings.cross_origin != nullptr ? settings.cross_origin->lines_for(origin) : std::string()));
  append_output(std::move(output.bytes()));
  keep_alive_ = false;
  intake_.reset();
  connection.enter(Connection::Phase::kResponding);
  write(connection);
}

// A proxy appends the client's address: only a whole head has it.
void RequestSide::note_rejection(Connection& connection, int status) const {
  const ServerOptions& options = connection.loop().settings().options;
  if (options.on_access == nullptr) return;
  const TimePoint now = connection.loop().event_loop().now();
  const std::string_view request = intake_ != nullptr ? intake_->view() : std::string_view();
  const std::size_t head_end = find_head_end(request, 0);
  const std::string_view head = head_end != std::string_view::npos ? request.substr(0, head_end) : std::string_view();
  AccessEntryPtr access =
      begin_access(options, request, connection.loop().proxied_clients().address_of(connection, head), now);
  access->record.status = status;
  millrace::end_access(options, std::move(access), now);
}

void RequestSide::on_timer(Connection& connection) {
  switch (connection.phase()) {
    case Connection::Phase::kHead:
      if (intake_ == nullptr) return connection.close();  // connected, but sent nothing
      return reject(connection, {408, "the request head did not arrive in time", RefusalReason::kTooSlow});
    case Connection::Phase::kBody:
      return reject(connection, {408, "the request body did not arrive in time", RefusalReason::kTooSlow});
    default:
      DownloadGate* const downloads = connection.loop().settings().downloads;
      if (output_ != nullptr && !connection.is_refused() && downloads != nullptr) downloads->count_cut();
      return connection.close();
  }
}

// --- Responses ------------------------------------------------------------------------------------------------------

void RequestSide::end_access(Connection& connection, Exchange& exchange) {
  if (exchange.access == nullptr) return;
  exchange.access->record.status = exchange.status;
  exchange.access->record.bytes = exchange.sent + exchange.output.bytes().size();
  millrace::end_access(connection.loop().settings().options, std::move(exchange.access),
                       connection.loop().event_loop().now());
}

void RequestSide::finish(Connection& connection, Exchange& exchange) {
  end_access(connection, exchange);
  keep_alive_ = exchange.keep_alive;
  set_output(std::move(exchange.output.bytes()), std::move(exchange.share));
  if (keep_alive_ && exchange.consumed < exchange.input.size()) {
    intake_ = std::make_unique<RequestIntake>(exchange.input.substr(exchange.consumed),
                                              BufferBudget::Share(connection.loop().settings().buffers));
  }
  connection.enter(Connection::Phase::kResponding);
  write(connection);
}

void RequestSide::respond_last(Connection& connection, std::string response) {
  set_output(std::move(response));
  respond_prepared(connection);
}

void RequestSide::end_stream(Connection& connection, std::string rest) {
  set_output(std::move(rest));
  keep_alive_ = keep_alive_ && !connection.transport().has_pending_input();
  connection.enter(Connection::Phase::kResponding);
  if (intake_ == nullptr) write(connection);  // otherwise serve_request() does it, which has made the stream
}

void RequestSide::respond_prepared(Connection& connection) {
  keep_alive_ = false;
  connection.enter(Connection::Phase::kResponding);
  write(connection);
}

void RequestSide::write(Connection& connection) {
  if (send_answers(connection)) after_response(connection);
}

void RequestSide::set_output(std::string bytes, BufferBudget::Share share) {
  output_ =
      bytes.empty()
          ? nullptr
          : std::make_unique<Unwritten>(Unwritten{.bytes = std::move(bytes), .begin = 0, .share = std::move(share)});
}

// Appends to the output that waits already.
void RequestSide::append_output(std::string bytes) {
  if (output_ == nullptr) return set_output(std::move(bytes));
  output_->bytes.append(bytes);
}

// Waits until the socket takes more. The deadline closes the connection, so that a client that reads a byte now and
// then cannot keep the rest in memory for ever.
void RequestSide::await_room(Connection& connection) {
  connection.enter(Connection::Phase::kResponding);
  const ConnectionLoop::Settings& settings = connection.loop().settings();
  Duration patience = settings.write_timeout;
  if (output_ != nullptr) {
    const TimePoint now = connection.loop().event_loop().now();
    if (!output_->waiting_since) output_->waiting_since = now;
    const RateFloor floor{.grace = settings.options.http.body_deadline, .bytes_per_second = kMinDownloadBytesPerSecond};
    patience = std::clamp(floor.left(output_->begin, now - *output_->waiting_since), Duration{0}, patience);
  }
  connection.set_deadline(patience);
  connection.watch_for(Ready::kOutput);
}

// Writes output_. Returns whether everything is sent, including what the transport had kept, also of a worker's output.
bool RequestSide::send_output(Connection& connection) {
  if (output_ == nullptr && !connection.has_unsent()) return true;
  if (output_ == nullptr) output_ = std::make_unique<Unwritten>();
  std::string& bytes = output_->bytes;
  iovec buffer{.iov_base = bytes.data() + output_->begin, .iov_len = bytes.size() - output_->begin};
  output_->begin += connection.send({&buffer, 1});
  if (connection.phase() == Connection::Phase::kClosed) return false;
  if (output_->begin < bytes.size() || connection.has_unsent()) return false;
  output_.reset();
  return true;
}

void RequestSide::await_request(Connection& connection) {
  connection.enter(Connection::Phase::kIdle);
  connection.set_deadline(connection.loop().settings().keep_alive);
  connection.watch_for(Connection::kInput);
}

void RequestSide::after_response(Connection& connection) {
  if (connection.phase() == Connection::Phase::kClosed) return;  // together with the response, as an HTTP/2 stream is
  // A client whose stream a draining server has ended shall reconnect to another one.
  const bool is_moving = connection.has_stream() && connection.loop().is_draining();
  if (!keep_alive_ || is_moving) return connection.linger();
  if (connection.has_stream()) connection.loop().forget_stream(connection);
  await_request(connection);
  // Pipelining: some or all of the next request is here already.
  if (intake_ != nullptr) return process_input(connection);
  if (connection.transport().has_pending_input()) read(connection);
}

}  // namespace millrace
