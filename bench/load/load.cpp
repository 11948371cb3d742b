#include "load.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>
#include <iterator>
#include <random>
#include <system_error>

#include "socket_calls.h"

namespace millrace::load {

namespace {

// Text like that of typical events, for servers that compress: repeated names, and different numbers.
void fill(std::uint64_t sequence, std::size_t bytes, std::string& data) {
  constexpr std::string_view kNames[] = {"price: ", ", volume: ", ", bid: ", ", ask: ", ", trades: "};
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(sequence));
  for (std::size_t i = 0; data.size() < bytes; ++i) {
    data.append(kNames[i % std::size(kNames)]).append(std::to_string(random() % 100'000));
  }
  data.resize(bytes);
}

}  // namespace

std::string topic_name(const Load& load, std::size_t topic) {
  return load.topic_prefix + "t" + std::to_string(topic);
}

std::string with_topic(const Load& load, std::string_view path, std::size_t topic) {
  constexpr std::string_view kPlace = "{topic}";
  std::string result(path);
  if (const std::size_t at = result.find(kPlace); at != std::string::npos) {
    result.replace(at, kPlace.size(), topic_name(load, topic));
  }
  return result;
}

std::string payload(std::uint64_t sequence, std::int64_t published_ns, std::size_t bytes) {
  std::string data = std::to_string(sequence) + ' ' + std::to_string(published_ns) + ' ';
  if (data.size() < bytes) fill(sequence, bytes, data);
  return data;
}

bool read_payload(std::string_view data, std::uint64_t& sequence, std::int64_t& published_ns) {
  const char* const end = data.data() + data.size();
  const auto first = std::from_chars(data.data(), end, sequence);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ') return false;
  const auto second = std::from_chars(first.ptr + 1, end, published_ns);
  return second.ec == std::errc{} && second.ptr != end && *second.ptr == ' ';
}

std::int64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int connect_to(const sockaddr_in& server) {
  const int fd = open_socket(AF_INET, SOCK_STREAM, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0) return fd;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  throw std::system_error(error, std::generic_category(), "cannot connect to the server");
}

}  // namespace millrace::load
