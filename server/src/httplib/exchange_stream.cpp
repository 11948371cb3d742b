#include "exchange_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "http/error_response.h"
#include "http/field_text.h"
#include "loop/event_loop.h"
#include "millrace/server/limits.h"
#include "shares/rate_floor.h"

namespace millrace {

namespace {

// Response bytes that are collected before they are sent.
constexpr std::size_t kFlushBytes = 64 * 1024;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// cpp-httplib's refusal of an expectation, after which it would go on with the request.
constexpr std::string_view kExpectationFailed = "HTTP/1.1 417 Expectation Failed\r\n\r\n";

// The beginning of a websocket's response, since 0.33.
constexpr std::string_view kSwitchingProtocols = "HTTP/1.1 101 ";

// Interval at which a wait for a websocket's client checks whether the server stops.
constexpr Duration kWebsocketWait{200};

// Whether cpp-httplib would decode this coding, without a bound, or refuse it.
bool is_undone_by_httplib(const std::string& coding) {
  return kHttplibRefusesUnknownCodings || equals_ignoring_case(coding, "gzip") ||
         equals_ignoring_case(coding, "x-gzip") || equals_ignoring_case(coding, "deflate") ||
         equals_ignoring_case(coding, "zstd") || coding.find("br") != std::string::npos;
}

}  // namespace

// Checks the fields as cpp-httplib has read them, percent-decoded, because cpp-httplib uses these values.
void ExchangeStream::begin_body(httplib::Request& request) {
  request_ = &request;
  if (request.ranges.size() > kMaxRanges) {  // percent-encoded, so that the head's parser could not count them
    request.ranges.clear();
    request.headers.erase("Range");
  }
  if (request.is_multipart_form_data()) body_.guard_multipart();
  const std::string coding = request.get_header_value("Content-Encoding");
  const bool is_one = request.get_header_value_count("Content-Encoding") <= 1 && coding.find(',') == std::string::npos;
  if (auto decoder = is_one ? BodyDecoder::of(coding) : nullptr) {
    body_.decode_with(std::move(decoder));
    request.headers.erase("Content-Encoding");
  } else if (is_one && equals_ignoring_case(coding, "identity")) {  // means no coding; cpp-httplib 0.29 refuses it
    request.headers.erase("Content-Encoding");
  } else if (!is_one || (!coding.empty() && is_undone_by_httplib(coding))) {
    exchange_.body_failure = BodyFailure::kUnknownCoding;
  }
  // A decoded body's length is unknown. cpp-httplib checks this field first.
  if (body_.is_rechunked() && !request.has_header("Transfer-Encoding")) {
    request.headers.emplace("Transfer-Encoding", "chunked");
  }
}

bool ExchangeStream::wait_readable() const {
  return has_input() || wire().wait_for_input(terms_.read_timeout);
}

bool ExchangeStream::is_peer_alive() const {
  return !failed_ && (terms_.is_stopping == nullptr || !terms_.is_stopping()) && !wire().has_client_left();
}

// False if the client has left, as in plain cpp-httplib: a handler that only waits may have no other way to notice.
bool ExchangeStream::wait_writable() const {
  return is_peer_alive() && wire().wait_for_room(terms_.write_timeout) && !wire().has_client_left();
}

// Until 0.19 cpp-httplib refuses a socket that select() cannot watch, before it reads the head. Nothing here uses
// select().
socket_t ExchangeStream::socket() const {
  return request_ == nullptr ? std::min(exchange_.socket, FD_SETSIZE - 1) : exchange_.socket;
}

// Null after the head: cpp-httplib asks again for as long as it gets a pointer.
const char* ExchangeStream::buffered_data(std::size_t& size) const {
  const std::size_t read = std::min<std::size_t>(consumed_, exchange_.head.bytes);
  size = exchange_.taken ? 0 : exchange_.head.bytes - read;
  return size == 0 ? nullptr : exchange_.input.data() + read;
}

ssize_t ExchangeStream::read(char* data, std::size_t size) {
  if (exchange_.taken) return -1;  // the connection belongs to the loop again
  if (is_websocket_) return read_websocket(data, size);
  return consumed_ < exchange_.head.bytes ? read_head(data, size) : read_body(data, size);
}

ssize_t ExchangeStream::read_head(char* data, std::size_t size) {
  size = std::min(size, exchange_.head.bytes - static_cast<std::size_t>(consumed_));
  return read_wire(data, size);
}

ssize_t ExchangeStream::read_body(char* data, std::size_t size) {
  if (exchange_.body_failure != BodyFailure::kNone) return -1;
  // Since 0.40 cpp-httplib reads bodies that no handler has read. The client already has its answer: does not wait for
  // it.
  if (exchange_.output.has_head()) return -1;
  if (!std::exchange(is_body_prepared_, true) && !prepare_body()) return -1;
  const ssize_t count = body_.read(data, size, exchange_.max_body_bytes,
                                   [this](char* to, std::size_t room) { return read_wire(to, room); });
  if (count < 0) return fail(body_.failure());
  if (is_held_ && !hold(body_.handed_on())) return fail(BodyFailure::kMemory);
  return count;
}

ssize_t ExchangeStream::fail(BodyFailure failure) {
  if (exchange_.body_failure == BodyFailure::kNone) exchange_.body_failure = failure;
  return -1;
}

// Checks a body before it is requested or read: never requests one for a path without a route.
bool ExchangeStream::prepare_body() {
  if ((exchange_.head.content_length == 0 && !exchange_.head.chunked) || request_ == nullptr) return true;
  switch (routes_.find(request_->method, request_->path)) {
    case RouteTable::Reads::kNothing:
      exchange_.body_failure = BodyFailure::kNoRoute;
      return false;
    case RouteTable::Reads::kWhole:
      is_held_ = true;
      break;
    case RouteTable::Reads::kPieces:
      break;
  }
  if (exchange_.head.content_length > exchange_.max_body_bytes) {
    exchange_.body_failure = BodyFailure::kTooLarge;
    return false;
  }
  if (owes_continue_) send_continue();
  return true;
}

bool ExchangeStream::hold(std::uint64_t body_bytes) {
  return exchange_.share.resize(exchange_.input.capacity() + static_cast<std::size_t>(body_bytes) + body_.memory());
}

// Reads raw bytes: the request, and what follows it.
ssize_t ExchangeStream::read_wire(char* data, std::size_t size) {
  const std::string& input = exchange_.input;
  if (consumed_ < input.size()) {
    size = input.copy(data, size, static_cast<std::size_t>(consumed_));
    consumed_ += size;
    return static_cast<ssize_t>(size);
  }
  while (wait_for_input()) {
    const ssize_t count = wire().read(data, size);
    if (count >= 0) {
      consumed_ += static_cast<std::uint64_t>(count);
      return count;
    }
    if (count != -EAGAIN) return fail(BodyFailure::kEndedEarly);
  }
  return -1;
}

// Counts only the waiting: a handler may take its time, but a client that sends a byte now and then cannot hold a
// worker.
bool ExchangeStream::wait_for_input() {
  const RateFloor floor{.grace = terms_.body_deadline, .bytes_per_second = kMinUploadBytesPerSecond};
  const Duration left = floor.left(consumed_, waited_);
  const TimePoint before = monotonic_now();
  const bool ready = left > Duration{0} && wire().wait_for_input(std::min(terms_.read_timeout, left));
  waited_ += monotonic_now() - before;
  if (!ready) fail(BodyFailure::kTooSlow);
  return ready;
}

void ExchangeStream::send_continue() {
  owes_continue_ = false;
  exchange_.output.append(kContinue);
  flush(0);
}

bool ExchangeStream::is_body_here() const {
  if (exchange_.head.chunked) return false;  // the end of a chunked body in memory is unknown
  const std::uint64_t request_bytes = exchange_.head.bytes + exchange_.head.content_length;
  return consumed_ == request_bytes || request_bytes <= exchange_.input.size();
}

ssize_t ExchangeStream::write(const char* data, std::size_t size) {
  if (exchange_.taken) return static_cast<ssize_t>(size);  // drops cpp-httplib's own response
  if (is_websocket_) return write_websocket({data, size});
  if (failed_) return -1;
  std::string_view bytes(data, size);
  if (!exchange_.output.has_head()) {
    bytes = pieces_.join(bytes);
    if (bytes.empty() || takes_continue(bytes)) return static_cast<ssize_t>(size);
    is_websocket_ = bytes.starts_with(kSwitchingProtocols);
  }
  const bool is_written = is_websocket_ ? write_websocket(bytes) >= 0 : write_response(bytes);
  return is_written ? static_cast<ssize_t>(size) : -1;
}

// Notes that the client waits for 100 Continue, which it gets when the body is first read.
bool ExchangeStream::takes_continue(std::string_view head) {
  if (head == kExpectationFailed) throw ExpectationFailed{};
  if (head != kContinue) return false;
  owes_continue_ = !exchange_.head.http_1_0;  // [RFC 9110 10.1.1]
  return true;
}

bool ExchangeStream::write_response(std::string_view bytes) {
  ResponseOutput& output = exchange_.output;
  const bool is_taken = output.append(bytes, exchange_.is_last() || !is_body_here());
  if (output.is_made_as_it_goes()) {
    flush(0);
  } else if (output.bytes().size() >= kFlushBytes) {
    flush(kMaxBufferedResponseBytes);
  }
  return !failed_ && is_taken;
}

void ExchangeStream::flush(std::size_t may_stay) {
  std::string& output = exchange_.output.bytes();
  std::size_t sent = 0;
  // Bytes that the wire has taken but not sent may stay there, unless everything must leave.
  const auto may_leave = [&] { return output.size() - sent <= may_stay && (may_stay > 0 || !wire().has_unsent()); };
  while (!failed_ && (sent < output.size() || !may_leave())) {
    const ssize_t count = wire().write(std::string_view(output).substr(sent));
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      sent_ += static_cast<std::uint64_t>(count);
      exchange_.sent += static_cast<std::uint64_t>(count);
    } else if (count < 0) {
      failed_ = true;
    } else if (may_leave()) {
      break;
    } else {
      failed_ = !wait_for_room();
    }
  }
  output.erase(0, sent);
}

// Like wait_for_input(), for a client that reads a byte now and then.
bool ExchangeStream::wait_for_room() {
  const RateFloor floor{.grace = terms_.body_deadline, .bytes_per_second = kMinDownloadBytesPerSecond};
  const Duration left = floor.left(sent_, waited_for_room_);
  const TimePoint before = monotonic_now();
  bool ready = false;
  if (left > Duration{0}) {
    const DownloadGate::Waiting waiting(terms_.downloads, wire(), sent_, waited_for_room_, before);
    ready = wire().wait_for_room(std::min(terms_.write_timeout, left));
  }
  waited_for_room_ += monotonic_now() - before;
  if (!ready) terms_.downloads.count_cut();
  return ready;
}

// --- Websockets -----------------------------------------------------------------------------------------------------

void ExchangeStream::set_read_timeout(time_t seconds, time_t microseconds) {
  websocket_timeout_ = Duration{static_cast<Duration::rep>(seconds) * 1000 + microseconds / 1000};
}

// A client may be silent for long, and holds the handler's worker for as long.
bool ExchangeStream::wait_for_websocket() const {
  const TimePoint end = monotonic_now() + websocket_timeout_;
  for (Duration left = websocket_timeout_; left > Duration{0}; left = end - monotonic_now()) {
    if (terms_.is_stopping != nullptr && terms_.is_stopping()) return false;
    if (wire().wait_for_input(std::min(left, kWebsocketWait))) return true;
  }
  return false;
}

ssize_t ExchangeStream::read_websocket(char* data, std::size_t size) {
  if (has_input()) {
    size = exchange_.input.copy(data, size, static_cast<std::size_t>(consumed_));
    consumed_ += size;
    return static_cast<ssize_t>(size);
  }
  do {
    const MutexLock lock(websocket_mutex_);
    const ssize_t count = wire().read(data, size);
    if (count != -EAGAIN && count != -EINTR) return std::max<ssize_t>(count, -1);
  } while (wait_for_websocket());
  return -1;
}

// May run while another thread reads: cpp-httplib sends pings on a thread of its own.
ssize_t ExchangeStream::write_websocket(std::string_view bytes) {
  const std::size_t size = bytes.size();
  const MutexLock lock(websocket_mutex_);
  while (true) {
    const ssize_t count = wire().write(bytes);
    if (count < 0) return -1;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    if (bytes.empty() && !wire().has_unsent()) return static_cast<ssize_t>(size);
    if (!wire().wait_for_room(terms_.write_timeout)) return -1;
  }
}

// --- Addresses ------------------------------------------------------------------------------------------------------

void ExchangeStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  auto [address, number] = client_endpoint(exchange_);
  ip = std::move(address);
  port = number;
}
void ExchangeStream::get_local_ip_and_port(std::string& ip, int& port) const {
  auto [address, number] = local_endpoint(exchange_);
  ip = std::move(address);
  port = number;
}

}  // namespace millrace
