// Records of TLS, however they come: no split of a client's bytes, and no slowness of its reading, changes what it
// gets.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "running_server.h"
#include "stream_client.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

ServerOptions over_tls() {
  ServerOptions options = open_to_all();
  options.tls = test_tls();
  return options;
}

// A client whose sealed bytes go out in the pieces that `cut` says, each in a packet of its own.
class SplitClient {
 public:
  using Cut = std::function<std::size_t(std::size_t left)>;

  SplitClient(int port, const TlsWish& wish, Cut cut)
      : end_(wish), cut_(std::move(cut)), socket_((set_speaks_tls(port, false), port)) {
    const int at_once = 1;
    setsockopt(socket_.socket(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    while (end_.shake_hands() && !end_.is_done()) {
      send_output();
      end_.feed(socket_.read_some());
    }
  }

  void write(std::string_view bytes) {
    end_.write(bytes);
    send_output();
  }
  /// What comes, up to its end of `delimiter`.
  std::string read_until(std::string_view delimiter) {
    while (read_.find(delimiter) == std::string::npos) {
      const std::string sealed = socket_.read_some();
      if (sealed.empty()) return "the connection ended behind " + read_;
      end_.feed(sealed);
      read_ += end_.read();
    }
    const std::string found = read_.substr(0, read_.find(delimiter) + delimiter.size());
    read_.erase(0, found.size());
    return found;
  }

 private:
  void send_output() {
    std::string output = end_.take_output();
    for (std::size_t begin = 0; begin < output.size();) {
      const std::size_t size = std::clamp<std::size_t>(cut_(output.size() - begin), 1, output.size() - begin);
      socket_.send(std::string_view(output).substr(begin, size));
      begin += size;
    }
  }

  TlsEnd end_;
  const Cut cut_;
  RawClient socket_;
  std::string read_;
};

const std::string kPublish = post("/events", R"({"topic":"a","data":"1"})", "Content-Type: application/json\r\n");

void expect_answers(int port, const TlsWish& wish, const SplitClient::Cut& cut, const std::string& which) {
  SplitClient client(port, wish, cut);
  client.write(kPublish);
  EXPECT_EQ(client.read_until("\r\n").substr(0, 12), "HTTP/1.1 200") << which;
  client.read_until("}");
  client.write(get("/events?topic=a&lastEventId=earliest"));
  EXPECT_NE(client.read_until("data: 1\n\n").find("text/event-stream"), std::string::npos) << which;
}

TEST(TlsRecords, ByteByByte) {
  RunningServer server(over_tls());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    expect_answers(
        server.port(), {.min_version = version, .max_version = version}, [](std::size_t) { return 1; },
        "version " + std::to_string(version));
  }
}

TEST(TlsRecords, AnySplit) {
  RunningServer server(over_tls());
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const int version = round % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    const std::size_t longest = std::size_t{1} << (random() % 10);
    expect_answers(
        server.port(), {.min_version = version, .max_version = version},
        [&](std::size_t) { return 1 + random() % longest; },
        "seed " + std::to_string(seed) + ", round " + std::to_string(round));
  }
}

// A worker reads no more of a record than the body has: what is behind it does not show on the socket any more.
TEST(TlsRecords, TheNextRequestInTheRecordOfABodysEndIsServed) {
  RunningServer server(over_tls(), [](Server& one) {
    one.Post("/upload", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(std::to_string(request.body.size()), "text/plain");
    });
  });
  RawClient client(server.port());
  const std::string body(3 * 1024 * 1024, 'x');
  const std::string request = post("/upload", body);
  client.send(std::string_view(request).substr(0, request.size() - 5'000));
  client.send(request.substr(request.size() - 5'000) + get("/nowhere") + get("/nowhere/else"));
  EXPECT_EQ(client.read_response().body, std::to_string(body.size()));
  EXPECT_EQ(client.read_response().status, 404);
  EXPECT_EQ(client.read_response().status, 404);
}

// Sealed and only partly sent, with nothing behind it: the rest still goes.
TEST(TlsRecords, WhatIsSealedGoesWhenTheClientReads) {
  constexpr int kSmallBuffer = 4096;
  constexpr std::size_t kPieces = 2'000;
  RunningServer server(over_tls(), [](Server& one) {
    one.Get("/answer", [&one](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = one.open_stream(request, response);
      for (std::size_t i = 0; i < kPieces; ++i) {
        const std::string data = std::to_string(i) + ' ' + std::string(300, 'x');
        if (!stream.send({.data = data})) return;
      }
    });
    one.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(8'000'000, 'y'), "text/plain");
    });
    one.Get("/made", [](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/plain", [](std::size_t offset, httplib::DataSink& sink) {
        const std::string piece(200'000, 'z');
        sink.write(piece.data(), piece.size());
        if (offset >= 2'000'000) sink.done();
        return true;
      });
    });
  });
  StreamClient stream(RawClient(server.port(), TlsWish{}, kSmallBuffer), get("/answer"));
  EXPECT_TRUE(stream.read_to_end());
  ASSERT_EQ(stream.decoder().events().size(), kPieces);
  for (std::size_t i = 0; i < kPieces; ++i) {
    EXPECT_TRUE(stream.decoder().events()[i].data.starts_with(std::to_string(i) + ' '));
  }
  RawClient large(server.port(), TlsWish{}, kSmallBuffer);
  EXPECT_EQ(large.exchange(get("/large")).body, std::string(8'000'000, 'y'));
  EXPECT_EQ(large.exchange(get("/made")).body, std::string(2'200'000, 'z'));
  EXPECT_EQ(large.exchange(get("/nowhere")).status, 404) << "the connection goes on";
}

}  // namespace
}  // namespace millrace::test
