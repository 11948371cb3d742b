#include "wire.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace millrace::testing {

namespace {

sockaddr_in address_of(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

}  // namespace

Wire::Wire(int port, const std::string& source) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in to = address_of("127.0.0.1", port);
  const sockaddr_in from = address_of(source, 0);
  const bool bound = source.empty() || ::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
  if (!bound || ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    const int error = errno;
    ::close(fd_);
    throw std::system_error(error, std::generic_category(), "cannot connect to the server under test");
  }
}

Wire::~Wire() {
  if (fd_ >= 0) ::close(fd_);
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)), searched_(other.searched_) {}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

const std::string& Wire::read_until(std::string_view wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (true) {
    const std::size_t found = wanted.empty() ? std::string::npos : received_.find(wanted, searched_);
    if (found != std::string::npos) {
      searched_ = found + wanted.size();
      return received_;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
      ADD_FAILURE() << "waited in vain for \"" << wanted << "\" behind \"" << received_ << '"';
      return received_;
    }
    std::array<char, 16384> buffer;
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return received_;
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

bool Wire::has_input() const {
  pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) > 0;
}

const std::string& Wire::read_to_end() {
  return read_until({});
}

std::string request(std::string_view method, std::string_view target, std::string_view headers, std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\n").append(headers);
  if (headers.find("Host: ") == std::string_view::npos) text.append("Host: localhost\r\n");
  if (method == "POST") text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

std::string ask(int port, const std::string& request_bytes) {
  Wire wire(port);
  wire.send(request_bytes);
  std::string response = wire.read_until("\r\n\r\n");
  const std::size_t head = response.find("\r\n\r\n") + 4;
  const std::size_t length = static_cast<std::size_t>(std::atoi(header_of(response, "Content-Length").c_str()));
  while (response.size() < head + length) {
    const std::size_t before = response.size();
    response = wire.read_until("\n");
    if (response.size() == before && response.size() < head + length && response.back() != '\n') break;
  }
  return response;
}

int status_of(std::string_view response) {
  return response.starts_with("HTTP/1.1 ") ? std::atoi(std::string(response.substr(9, 3)).c_str()) : 0;
}

std::string header_of(std::string_view response, std::string_view name) {
  const std::string line = "\r\n" + std::string(name) + ": ";
  const std::string_view head = response.substr(0, response.find("\r\n\r\n") + 2);
  const std::size_t begin = head.find(line);
  if (begin == std::string_view::npos) return {};
  const std::size_t value = begin + line.size();
  return std::string(head.substr(value, head.find("\r\n", value) - value));
}

}  // namespace millrace::testing
