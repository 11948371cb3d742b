// The state of topics to a new subscriber: how long it takes from the request to the last event of the state, by the
// number of topics and the length of the log. All topics are retained. The client and the server share this process.
//
//   millrace_bench_state TOPICS ENTRIES ROUNDS
//
// Prints JSON: milliseconds of each round, and nanoseconds that publishing one event of the log took.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/server.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kRequest =
    "GET /events?topic=**&lastEventId=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";

// Stands in every event once, and nowhere else on the wire.
constexpr char kMark = '~';

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "millrace_bench_state: %s\n", what.c_str());
  std::exit(1);
}

std::size_t number(const char* text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0' || value == 0) fail(std::string("expected a number from 1, not ") + text);
  return value;
}

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Nanoseconds an event.
double fill(millrace::Hub& hub, std::size_t topics, std::size_t entries) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < topics; ++i) names.push_back("prices/" + std::to_string(i));
  const std::string data = std::string(60, 'x') + kMark;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < entries; ++i) hub.publish(names[i % topics], {.data = data}).or_throw();
  return milliseconds_since(begin) * 1e6 / static_cast<double>(entries);
}

double read_state(int port, std::size_t topics) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("cannot connect");
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto begin = Clock::now();
  if (send(client, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != ssize_t(kRequest.size())) fail("cannot ask");
  std::array<char, 64 * 1024> buffer;
  for (std::size_t events = 0; events < topics;) {
    const ssize_t size = recv(client, buffer.data(), buffer.size(), 0);
    if (size <= 0) fail("the state broke off after " + std::to_string(events) + " events");
    events += static_cast<std::size_t>(std::count(buffer.data(), buffer.data() + size, kMark));
  }
  const double time = milliseconds_since(begin);
  close(client);
  return time;
}

}  // namespace

int main(int count, char** values) {
  if (count != 4) fail("expected TOPICS ENTRIES ROUNDS");
  const std::size_t topics = number(values[1]);
  const std::size_t entries = number(values[2]);
  const std::size_t rounds = number(values[3]);
  millrace::ServerOptions options;
  options.history = {.events = entries,
                     .bytes = std::size_t{2} << 30,
                     .retain = {"**"},
                     .max_retained_topics = topics,
                     .max_retained_bytes = std::size_t{1} << 30};
  options.shares.max_connections_per_address.reset();
  millrace::Server server(options);
  server.events("/events");
  const double publishing = fill(server.hub(), topics, entries);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  std::printf("{\"topics\":%zu,\"entries\":%zu,\"publishNs\":%.0f,\"stateMs\":[", topics, entries, publishing);
  for (std::size_t i = 0; i < rounds; ++i) std::printf("%s%.2f", i > 0 ? "," : "", read_state(port, topics));
  std::printf("]}\n");
  server.stop();
  serving.join();
}
