#include "trouble_maker.h"

#include <array>
#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include "http2_frames.h"

namespace millrace::test {

using namespace std::string_literals;

RawClient connect_for_http2(int port, int receive_buffer) {
  if (!speaks_tls(port)) return RawClient(port, receive_buffer);
  return RawClient(port, TlsWish{.protocols = {"h2"}}, receive_buffer);
}

void TroubleMaker::run(const std::atomic<bool>& over, std::uint64_t rounds) {
  while (!over && acts < rounds) {
    const auto next = Clock::now() + pause_;
    try {
      act();
    } catch (const std::exception&) {
      ++refusals;
    }
    ++acts;
    std::this_thread::sleep_until(next);
  }
}

void TroubleMaker::act() {
  switch (below(12)) {
    case 0:
      return come_and_go(500);
    case 1:
      return leave(get("/events?topic=flood&topic=steady&lastEventId=earliest").substr(0, 1 + below(60)));
    case 2:
      return garbage();
    case 3:
      return never_read();
    case 4:
      return flood();
    case 5:
      return oversize();
    case 6:
      return pipeline();
    case 7:
      return read_bytes();
    case 8:
      return reset_streams();
    case 9:
      return odd_frames();
    case 10:
      return never_widen();
    default:
      return odd_requests();
  }
}

void TroubleMaker::come_and_go(int count) {
  std::vector<RawClient> clients;
  for (int i = 0; i < count; ++i) clients.emplace_back(port_);
  for (RawClient& client : clients) client.reset();
}

// Says it, perhaps in single bytes, and goes.
void TroubleMaker::leave(RawClient client, const std::string& bytes) {
  if (below(2) == 0) {
    for (const char byte : bytes) client.send_some({&byte, 1});
  } else {
    client.send_some(bytes);
  }
  if (below(2) == 0) client.reset();
}

void TroubleMaker::garbage() {
  std::string bytes(below(3'000), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  leave(bytes + "\r\n\r\n");
}

void TroubleMaker::never_read() {
  if (idle_.size() >= 60) idle_.erase(idle_.begin(), idle_.begin() + 30);
  for (int i = 0; i < 5; ++i) {
    idle_.emplace_back(port_, 1'024);
    idle_.back().send_some(get("/events?topic=flood&lastEventId=earliest"));
  }
}

void TroubleMaker::flood() {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += R"({"topic":"flood","data":")" + std::string(1'000, 'f') + "\"}\n";
  RawClient client(port_);
  client.send(post("/events", lines, kJson));
  if (below(4) > 0) client.read_response();
}

void TroubleMaker::oversize() {
  leave("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  leave("POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n" + std::string(10'000, 'x'));
  leave("POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n" +
        std::string(10'000, 'x'));
  leave(
      "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
      "300000\r\n\r\n--b\r\n"
      "Content-Disposition: form-data; name=\"" +
      std::string(290'000, 'x'));
}

void TroubleMaker::pipeline() {
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += get(below(2) == 0 ? "/healthz" : "/metrics");
  leave(requests + get("/events?topic=steady"));
}

void TroubleMaker::read_bytes() {
  RawClient client(port_, 1'024);
  client.send(get("/events?topic=flood&lastEventId=earliest"));
  for (int i = 0; i < 300; ++i) client.read_exactly(1);
  client.reset();
}

void TroubleMaker::odd_requests() {
  const std::array<std::string, 8> requests{
      "HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
      "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere\r\n\r\n"s,
      "GET /events?topic=a HTTP/1.0\r\n\r\n"s,
      "GET /events?topic=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
      "GET /events?topic=\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
      "GET /events?topic=a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"s,
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"topic\":\"a\",\"data\":\"\xff\xff\xff\"}}"s};
  leave(requests[below(requests.size())]);
}

// --- Over HTTP/2 ----------------------------------------------------------------------------------------------------

namespace {

std::string subscriptions(std::size_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    bytes += headers(2 * i + 1, get_fields("/events?topic=flood&lastEventId=earliest"));
  }
  return bytes;
}

}  // namespace

// Some of the streams, or all, as soon as they are asked for.
void TroubleMaker::reset_streams() {
  std::string bytes = std::string(kHttp2Preface) + settings();
  for (std::uint32_t i = 0; i < 200; ++i) {
    bytes += headers(2 * i + 1, get_fields(below(2) == 0 ? "/events?topic=flood" : "/metrics"));
    if (below(4) > 0) bytes += reset_of(2 * i + 1);
  }
  leave(connect_for_http2(port_), bytes);
}

void TroubleMaker::odd_frames() {
  std::string bytes = std::string(kHttp2Preface) + settings() + subscriptions(below(3));
  for (int i = 0; i < 30; ++i) {
    std::string payload(below(40), '\0');
    for (char& byte : payload) byte = static_cast<char>(random_());
    bytes += frame(static_cast<FrameType>(below(12)), static_cast<std::uint8_t>(random_()),
                   static_cast<std::uint32_t>(below(10)), payload);
  }
  leave(connect_for_http2(port_), bytes.substr(0, 1 + below(bytes.size())));
}

// Windows of a few bytes that stay as they are, on streams that have much to get.
void TroubleMaker::never_widen() {
  if (idle_.size() >= 60) idle_.erase(idle_.begin(), idle_.begin() + 30);
  idle_.push_back(connect_for_http2(port_, 1'024));
  idle_.back().send_some(std::string(kHttp2Preface) + settings(setting(SettingId::kInitialWindowSize, 100)) +
                         subscriptions(50));
}

}  // namespace millrace::test
