// Compressed streams, from a server that compresses as it sends: each event is flushed, so that it need not wait.

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <vector>

#include "collector.h"
#include "millrace/client/event_source.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

class Compressor {
 public:
  Compressor() = default;
  virtual ~Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  /// What has to be sent for a reader to have all of `text`.
  virtual std::string flush(const std::string& text) = 0;
};

constexpr int kGzipWindow = 15 + 16;
constexpr int kDeflateWindow = 15;
constexpr int kBareWindow = -15;

class Deflater final : public Compressor {
 public:
  explicit Deflater(int window) { deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY); }
  ~Deflater() override { deflateEnd(&stream_); }
  std::string flush(const std::string& text) override { return pack(text, Z_SYNC_FLUSH); }
  std::string finish(const std::string& text) { return pack(text, Z_FINISH); }

 private:
  std::string pack(const std::string& text, int how) {
    std::string packed(deflateBound(&stream_, text.size()) + 64, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream_, how);
    packed.resize(packed.size() - stream_.avail_out);
    return packed;
  }

  z_stream stream_{};
};

class Brotli final : public Compressor {
 public:
  Brotli() : encoder_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
    BrotliEncoderSetParameter(encoder_, BROTLI_PARAM_QUALITY, 2);
  }
  ~Brotli() override { BrotliEncoderDestroyInstance(encoder_); }
  std::string flush(const std::string& text) override {
    std::string packed(BrotliEncoderMaxCompressedSize(text.size()) + 64, '\0');
    std::size_t left_in = text.size();
    const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t left_out = packed.size();
    auto* out = reinterpret_cast<std::uint8_t*>(packed.data());
    BrotliEncoderCompressStream(encoder_, BROTLI_OPERATION_FLUSH, &left_in, &in, &left_out, &out, nullptr);
    packed.resize(packed.size() - left_out);
    return packed;
  }

 private:
  BrotliEncoderState* encoder_;
};

class EventSourceCodings : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Compressor> compressor() {
    if (GetParam() == "br") return std::make_unique<Brotli>();
    return std::make_unique<Deflater>(GetParam() == "deflate" ? kDeflateWindow : kGzipWindow);
  }
  static std::string head() {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: " + GetParam() +
           "\r\nTransfer-Encoding: chunked\r\n\r\n";
  }
  static EventSourceOptions eager() {
    EventSourceOptions options;
    options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
    return options;
  }
};

TEST_P(EventSourceCodings, AreAskedForAndUndoneAsTheyCome) {
  Collector heard;
  std::string asked;
  ScriptedServer server([&](Peer& peer, int) {
    asked = header_of(peer.read_request(), "Accept-Encoding");
    peer.send(head());
    const auto packed = compressor();
    for (std::size_t n = 1; n <= 100; ++n) {
      peer.send_chunk(packed->flush("id: " + std::to_string(n) + "\ndata: one of many\n\n"));
      EXPECT_TRUE(heard.wait_for(n)) << "it is handed out before the next one is sent";
    }
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  source.on_message([&](const MessageEvent& event) {
    heard.add(std::string(event.last_event_id) + " " + std::string(event.data));
    if (event.last_event_id == "100") source.close();
  });
  source.run();
  ASSERT_EQ(heard.lines().size(), 100u);
  EXPECT_EQ(heard.lines().back(), "100 one of many");
  EXPECT_NE((", " + asked + ",").find(", " + GetParam() + ","), std::string::npos) << asked;
}

TEST_P(EventSourceCodings, AreTakenUpAnewWhereAConnectionWasCut) {
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    ids.push_back(header_of(peer.read_request(), "Last-Event-ID"));
    peer.send(head());
    const auto packed = compressor();
    peer.send_chunk(packed->flush("id: " + std::to_string(attempt) + "\ndata: whole\n\n"));
    const std::string second = packed->flush("id: never\ndata: " + std::string(1'000, 'x') + "\n\n");
    peer.send_chunk(second.substr(0, second.size() / 2));
  });
  EventSource source(server.url(), eager());
  Lines heard;
  source.on_message([&](const MessageEvent& event) {
    heard.push_back(std::string(event.last_event_id) + " " + std::string(event.data));
    if (heard.size() == 3) source.close();
  });
  source.run();
  EXPECT_EQ(heard, (Lines{"1 whole", "2 whole", "3 whole"}));
  EXPECT_EQ(ids, (Lines{"", "1", "2"}));
}

TEST_P(EventSourceCodings, CannotMakeAnEventLargerThanTheLimit) {
  constexpr std::size_t kPiece = 1 << 20;
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send(head());
    const auto packed = compressor();
    peer.send_chunk(packed->flush("data: small\n\ndata: "));
    const std::string piece(kPiece, 'x');
    for (int n = 0; n < 256; ++n) peer.send_chunk(packed->flush(piece));
    peer.wait_until_closed();
  });
  EventSourceOptions options = eager();
  options.policy.max_event_bytes = kPiece;
  EventSource source(server.url(), std::move(options));
  Collector collector(source);
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  source.run();
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|small|", "error an event is larger than 1048576 bytes"}));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB, of 256 MiB";
#endif
}

TEST_P(EventSourceCodings, ThatAreBrokenCostTheConnectionOnly) {
  ScriptedServer server([&](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(head());
    if (attempt == 1) return peer.send_chunk("\x1f\x8b\x08 this is no compressed stream");
    peer.send_chunk(compressor()->flush("data: whole\n\n"));
    peer.wait_until_closed();
  });
  EventSource source(server.url(), eager());
  Collector collector(source);
  source.on_message([&](const MessageEvent&) { source.close(); });
  source.run();
  const Lines lines = collector.lines();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1], "error cannot decode the response's content coding");
  EXPECT_EQ(lines[3], "message|whole|");
}

INSTANTIATE_TEST_SUITE_P(All, EventSourceCodings, ::testing::Values("gzip", "deflate", "br"));

Lines read_all(const std::string& coding, const std::string& body) {
  ScriptedServer server([&](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt > 1) return peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  EventSource source(server.url(), {.policy = {.backoff = {.reconnection_time = Duration{0}}}});
  Lines lines;
  source.on_error([&](const EventSourceError& error) { lines.emplace_back(error.message); });
  source.on_message([&](const MessageEvent& event) { lines.emplace_back(event.data); });
  source.run();
  if (!lines.empty()) lines.pop_back();  // the 204
  return lines;
}

TEST(EventSourceCoding, OfSeveralGzipMembersIsOneStream) {
  const std::string body = Deflater(kGzipWindow).finish("data: a\n\ndata: ") + Deflater(kGzipWindow).finish("b\n\n");
  EXPECT_EQ(read_all("Content-Encoding: x-GZIP\r\n", body), (Lines{"a", "b", "the server ended the stream"}));
}

TEST(EventSourceCoding, DeflateMayLackItsFrame) {
  EXPECT_EQ(read_all("Content-Encoding: deflate\r\n", Deflater(kBareWindow).finish("data: a\n\n")),
            (Lines{"a", "the server ended the stream"}));
  EXPECT_EQ(read_all("Content-Encoding: deflate\r\n", Deflater(kDeflateWindow).finish("data: a\n\n") + "more"),
            (Lines{"a", "cannot decode the response's content coding"}));
}

TEST(EventSourceCoding, ThatWasNotAskedForIsNamed) {
  EXPECT_EQ(read_all("Content-Encoding: zstd\r\n", "x"),
            Lines{"the response's content coding \"zstd\" was not requested"});
  EXPECT_EQ(read_all("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", "x"),
            Lines{"the response's content coding \"gzip, gzip\" was not requested"});
  EXPECT_EQ(read_all("Content-Encoding: identity\r\n", "data: a\n\n"), (Lines{"a", "the server ended the stream"}));
}

TEST(EventSourceCoding, OfARefusalIsUndone) {
  const std::string body = Deflater(kGzipWindow).finish("no such topic\n" + std::string(1'000'000, 'x'));
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 404 No\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n" + body);
  });
  EventSource source(server.url());
  Lines errors;
  source.on_error([&](const EventSourceError& error) { errors.emplace_back(error.message); });
  source.run();
  EXPECT_EQ(errors, Lines{"the server answered 404: no such topic"});
}

}  // namespace
}  // namespace millrace::test
