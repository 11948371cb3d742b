#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "eventually.h"

namespace millrace::test {

namespace {

void wait_for(int socket, short events) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  if (poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kDeadline).count())) <= 0) {
    throw std::runtime_error("the server did not answer in time");
  }
}

sockaddr_in loopback_address(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

// Calls `visit` with every field's value.
template <typename Visit>
void each_field(std::string_view head, std::string_view name, Visit visit) {
  while (true) {
    const std::size_t line_end = head.find("\r\n");
    if (line_end == std::string_view::npos) return;
    head.remove_prefix(line_end + 2);
    if (head.size() > name.size() && head[name.size()] == ':' &&
        strncasecmp(head.data(), name.data(), name.size()) == 0) {
      const std::string_view value = head.substr(name.size() + 1, head.find("\r\n") - name.size() - 1);
      visit(value.substr(std::min(value.find_first_not_of(' '), value.size())));
    }
  }
}

}  // namespace

std::string RawResponse::field(std::string_view name) const {
  std::string value;
  each_field(head, name, [&](std::string_view found) { value = found; });
  return value;
}

std::size_t RawResponse::count(std::string_view name) const {
  std::size_t fields = 0;
  each_field(head, name, [&](std::string_view) { ++fields; });
  return fields;
}

RawClient::RawClient(int port, int receive_buffer, const std::string& source)
    : RawClient(Clear{}, port, receive_buffer, source) {
  if (speaks_tls(port)) shake_hands({});
}

RawClient::RawClient(int port, const TlsWish& wish, int receive_buffer) : RawClient(Clear{}, port, receive_buffer, {}) {
  shake_hands(wish);
}

RawClient::RawClient(Clear, int port, int receive_buffer, const std::string& source)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0) setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const sockaddr_in address = loopback_address("127.0.0.1", port);
  const sockaddr_in from = loopback_address(source, 0);
  const bool bound = source.empty() || bind(socket_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
  if (!bound || connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close();
    throw std::system_error(error, std::generic_category(), "cannot connect");
  }
}

RawClient::~RawClient() {
  close();
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      tls_(std::move(other.tls_)),
      sealed_(std::move(other.sealed_)),
      buffer_(std::move(other.buffer_)) {}

RawClient& RawClient::operator=(RawClient&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(tls_, other.tls_);
  std::swap(sealed_, other.sealed_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

void RawClient::shake_hands(const TlsWish& wish) {
  tls_ = std::make_unique<TlsEnd>(wish);
  const Deadline deadline;
  while (true) {
    deadline.check([] { return "the end of the handshake"; });
    const bool is_good = tls_->shake_hands();
    send_plainly(tls_->take_output());
    if (!is_good) throw std::runtime_error("the handshake failed: " + tls_->error());
    if (tls_->is_done()) return;
    if (!fill()) throw std::runtime_error("the server ended the handshake");
  }
}

bool RawClient::send(std::string_view bytes) const {
  if (tls_ == nullptr) return send_plainly(bytes);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 16'000))) {
    tls_->write(bytes.substr(0, 16'000));
    sealed_ += tls_->take_output();
    if (!send_plainly(std::exchange(sealed_, {}))) return false;
  }
  return true;
}

bool RawClient::send_plainly(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      wait_for(socket_, POLLOUT);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::size_t RawClient::send_some(std::string_view bytes) const {
  if (tls_ != nullptr) {
    if (sealed_.empty()) {
      bytes = bytes.substr(0, 16'000);
      tls_->write(bytes);
      sealed_ = tls_->take_output();
    } else {
      bytes = {};
    }
    const ssize_t count = ::send(socket_, sealed_.data(), sealed_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sealed_.erase(0, static_cast<std::size_t>(count));
    return bytes.size();
  }
  const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

// False at the connection's end.
bool RawClient::fill() {
  std::array<char, 64 * 1024> bytes;
  const Deadline deadline;
  while (true) {
    deadline.check([] { return "data in the records that came"; });
    wait_for(socket_, POLLIN);
    const ssize_t count = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0 && tls_ != nullptr) {
      tls_->feed({bytes.data(), static_cast<std::size_t>(count)});
      if (!tls_->is_done()) return true;
      const std::string read = tls_->read();
      buffer_.append(read);
      if (!read.empty()) return true;
      if (tls_->is_ended() || tls_->is_broken()) return false;
      continue;
    }
    if (count > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    if (count >= 0) return count > 0;
    if (errno != EAGAIN && errno != EINTR) return false;
  }
}

std::string RawClient::read_until(std::string_view delimiter) {
  std::size_t searched = 0;
  const Deadline deadline;
  while (true) {
    const std::size_t found = buffer_.find(delimiter, searched - std::min(searched, delimiter.size()));
    if (found != std::string::npos) return read_exactly(found + delimiter.size());
    searched = buffer_.size();
    deadline.check([&] { return '"' + std::string(delimiter) + "\" after " + newest(); });
    if (!fill()) throw std::runtime_error("the connection ended after \"" + buffer_ + "\"");
  }
}

std::string RawClient::read_exactly(std::size_t size) {
  const Deadline deadline;
  while (buffer_.size() < size) {
    deadline.check([&] { return std::to_string(size) + " bytes; the newest are " + newest(); });
    if (!fill()) throw std::runtime_error("the connection ended after \"" + buffer_.substr(0, 200) + "\"");
  }
  std::string bytes = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return bytes;
}

std::string RawClient::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

std::string RawClient::read_to_end() {
  const Deadline deadline;
  while (fill()) deadline.check([&] { return "the connection's end after " + newest(); });
  return std::exchange(buffer_, {});
}

// Of what has come, as much as a reader of a failure wants to see.
std::string RawClient::newest() const {
  constexpr std::size_t kShown = 200;
  return '"' + buffer_.substr(buffer_.size() - std::min(buffer_.size(), kShown)) + '"';
}

bool RawClient::is_at_end() {
  return buffer_.empty() && !fill();
}

RawResponse RawClient::read_response(bool has_body) {
  RawResponse response{.status = 0, .head = read_until("\r\n\r\n"), .body = {}};
  if (response.head.size() > 12) {
    std::from_chars(response.head.data() + 9, response.head.data() + 12, response.status);
  }
  const std::string length = response.field("Content-Length");
  if (!has_body || response.status == 204 || response.status == 304 || response.status == 100) return response;
  if (!length.empty()) {
    response.body = read_exactly(std::stoul(length));
  } else if (response.field("Transfer-Encoding") == "chunked") {
    while (true) {
      const std::size_t size = std::stoul(read_until("\r\n"), nullptr, 16);
      response.body += read_exactly(size);
      read_exactly(2);
      if (size == 0) break;
    }
  } else {
    response.body = read_to_end();
  }
  return response;
}

bool RawClient::has_input() const {
  pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) > 0;
}

void RawClient::end_sending() const {
  if (tls_ != nullptr) {
    tls_->say_goodbye();
    send_plainly(tls_->take_output());
  }
  shutdown(socket_, SHUT_WR);
}

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

std::string get(std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::string_view target, std::string_view body, std::string_view fields) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace millrace::test
