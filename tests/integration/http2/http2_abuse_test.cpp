// What hostile clients do over HTTP/2, over real sockets: each attack ends at a bound, and other clients do not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http2_server.h"
#include "millrace/server/limits.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;

constexpr auto kPriorityUpdate = static_cast<FrameType>(0x10);  // [RFC 9218 7.1]

// More than the server takes at once, and than it takes further ones in the seconds of a test.
constexpr std::size_t kFlood = 5 * kHttp2ControlFramesAtOnce;

class Http2Abuse : public Http2Server {
 protected:
  void SetUp() override {
    stream_ = bystander_.get("/events?topic=others");
    ASSERT_TRUE(bystander_.subscribed({stream_}));
  }

  static std::string number(std::uint32_t value) { return number_32(value); }

  // The attacker's connection ends with this error, whatever else the server has to say.
  void ends(Http2Client& attacker, Http2Error error) {
    attacker.until([&] { return !attacker.said.go_aways.empty(); }, "GOAWAY");
    ASSERT_FALSE(attacker.said.go_aways.empty());
    EXPECT_EQ(attacker.said.go_aways.front(), error);
    others_go_on();
  }
  void goes_on(Http2Client& client) {
    const auto id = client.get("/x");
    ASSERT_TRUE(client.until_end(id));
    EXPECT_EQ(client.said.data[id], "x");
    EXPECT_TRUE(client.said.go_aways.empty());
    others_go_on();
  }
  void others_go_on() {
    const std::string text = "event " + std::to_string(++events_) + '.';
    server_->hub().publish("others", {.data = text}).or_throw();
    EXPECT_TRUE(bystander_.until_text(stream_, text));
  }

  Http2Client bystander_{server_.port()};
  std::uint32_t stream_ = 0;
  int events_ = 0;
};

// --- Floods of frames that carry nothing ----------------------------------------------------------------------------

struct Flood {
  const char* name;
  std::string frame;
};
class Http2Floods : public Http2Abuse, public testing::WithParamInterface<Flood> {};

// One stream waits for the rest of a request, 3 was refused, and both may get frames for ever.
TEST_P(Http2Floods, EndTheConnection) {
  Http2Client attacker(server_.port());
  const auto open = attacker.request("POST", "/whole", {}, "begins", false);
  ASSERT_EQ(open, 1u);
  const auto refused = attacker.request("GET", "/x", {{"transfer-encoding", "chunked"}}, "x", false);
  ASSERT_EQ(refused, 3u);
  ASSERT_TRUE(attacker.until_end(refused));
  attacker.send(repeated(kFlood, GetParam().frame));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

INSTANTIATE_TEST_SUITE_P(
    Frames, Http2Floods,
    testing::Values(Flood{"Pings", frame(FrameType::kPing, 0, 0, "12345678")},
                    Flood{"PingAcks", frame(FrameType::kPing, frame_flag::kAck, 0, "12345678")},
                    Flood{"Settings", settings()}, Flood{"SettingsAcks", settings_ack()},
                    Flood{"TableSizes", settings(setting(SettingId::kHeaderTableSize, 0) +
                                                 setting(SettingId::kHeaderTableSize, 4'096))},
                    Flood{"Windows", settings(setting(SettingId::kInitialWindowSize, 1) +
                                              setting(SettingId::kInitialWindowSize, 0))},
                    Flood{"EmptyData", data(1, {})},
                    Flood{"PaddedData", frame(FrameType::kData, frame_flag::kPadded, 1, bytes_of({3, 0, 0, 0}))},
                    Flood{"EmptyDataOfAResetStream", data(3, {})}, Flood{"EndsOfAResetStream", data(3, {}, true)},
                    Flood{"Priorities", frame(FrameType::kPriority, 0, 1, bytes_of({0, 0, 0, 0, 1}))},
                    Flood{"PriorityUpdates", frame(kPriorityUpdate, 0, 0, bytes_of({0, 0, 0, 1}) + "u=1")},
                    Flood{"WindowUpdates", window_update(0, 1)}, Flood{"WindowUpdatesOfAStream", window_update(1, 1)},
                    Flood{"WindowUpdatesOfAResetStream", window_update(3, 1)},
                    Flood{"ResetsOfAResetStream", reset_of(3)},
                    Flood{"Trailers", frame(FrameType::kHeaders, frame_flag::kEndHeaders | frame_flag::kEndStream, 3,
                                            "\x20" + block_of({{"a", "b"}}))},
                    Flood{"GoAways", frame(FrameType::kGoAway, 0, 0, number_32(0) + number_32(0))}),
    [](const testing::TestParamInfo<Flood>& flood) { return flood.param.name; });

// --- Streams that begin, and are of no use --------------------------------------------------------------------------

TEST_F(Http2Abuse, RapidResetsEndTheConnection) {
  Http2Client attacker(server_.port());
  std::string bytes;
  for (std::uint32_t id = 1; id < 6'000; id += 2) bytes += headers(id, get_fields("/events?topic=a")) + reset_of(id);
  attacker.send(bytes);
  ends(attacker, Http2Error::kEnhanceYourCalm);
  EXPECT_TRUE(becomes(server_, "millrace_streams", 1));
}

// The client makes the server reset them.
TEST_F(Http2Abuse, BrokenStreamsEndTheConnection) {
  Http2Client attacker(server_.port());
  std::string bytes;
  for (std::uint32_t id = 1; id < 6'000; id += 2) {
    bytes += headers(id, get_fields("/events?topic=a")) + window_update(id, 0);
  }
  attacker.send(bytes);
  ends(attacker, Http2Error::kEnhanceYourCalm);
  EXPECT_TRUE(becomes(server_, "millrace_streams", 1));
}

// --- Field sections -------------------------------------------------------------------------------------------------

TEST_F(Http2Abuse, AFieldSectionInTooManyFramesEndsTheConnection) {
  Http2Client attacker(server_.port());
  const std::string section = block_of(get_fields("/x"));
  attacker.send(frame(FrameType::kHeaders, frame_flag::kEndStream, 1, section) +
                repeated(1'000, frame(FrameType::kContinuation, 0, 1)));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

TEST_F(Http2Abuse, AFieldSectionWithoutEndEndsTheConnection) {
  Http2Client attacker(server_.port());
  const std::string part = block_of({{"x", std::string(10'000, 'x')}});
  attacker.send(frame(FrameType::kHeaders, 0, 1, part) + repeated(50, frame(FrameType::kContinuation, 0, 1, part)));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

// One entry of 4,000 bytes in the table of a client that has not acknowledged the server's settings, which 50,000 bytes
// refer to: 200 MB of fields.
TEST_F(Http2Abuse, AFieldSectionThatGrowsIsRefusedAndNotKept) {
  RawClient connection(server_.port());
  std::string section =
      block_of(get_fields("/x")) + bytes_of({0x40, 1, 'a', 0x7f, 0xa1, 0x1e}) + std::string(4'000, 'b');
  section += std::string(50'000, '\xbe');
  std::string bytes = std::string(kHttp2Preface) + settings();
  for (std::size_t at = 0; at < section.size(); at += kMaxFramePayload) {
    const bool is_last = at + kMaxFramePayload >= section.size();
    bytes += frame(at == 0 ? FrameType::kHeaders : FrameType::kContinuation,
                   (at == 0 ? frame_flag::kEndStream : 0) | (is_last ? frame_flag::kEndHeaders : 0), 1,
                   section.substr(at, kMaxFramePayload));
  }
  connection.send(bytes);
  Said said;
  const Deadline deadline;
  while (!said.ends.contains(1)) {
    deadline.check([] { return "the answer"; });
    const std::string more = connection.read_some();
    ASSERT_FALSE(more.empty());
    said.read(more);
  }
  ASSERT_FALSE(said.heads[1].empty());
  EXPECT_EQ(said.heads[1].front().second, "431");
  others_go_on();
}

TEST_F(Http2Abuse, ReferencesToAnEmptyTableEndTheConnection) {
  Http2Client attacker(server_.port());
  goes_on(attacker);  // so the settings are acknowledged
  attacker.send(frame(FrameType::kHeaders, frame_flag::kEndHeaders | frame_flag::kEndStream, 101,
                      bytes_of({0x20}) + block_of(get_fields("/x")) + '\xbe'));
  ends(attacker, Http2Error::kCompression);
}

TEST_F(Http2Abuse, ATableThatGrowsEndsTheConnection) {
  Http2Client attacker(server_.port());
  goes_on(attacker);
  attacker.send(frame(FrameType::kHeaders, frame_flag::kEndHeaders | frame_flag::kEndStream, 101,
                      bytes_of({0x3f, 0xe1, 0x1f}) + block_of(get_fields("/x"))));
  ends(attacker, Http2Error::kCompression);
}

TEST_F(Http2Abuse, AThousandSizesOfTheTableInOneSectionCostNothing) {
  Http2Client attacker(server_.port());
  goes_on(attacker);
  attacker.send(frame(FrameType::kHeaders, frame_flag::kEndHeaders | frame_flag::kEndStream, 101,
                      std::string(10'000, '\x20') + block_of(get_fields("/x"))));
  ASSERT_TRUE(attacker.until_end(101));
  EXPECT_EQ(attacker.status(101), "200");
  others_go_on();
}

// --- Windows --------------------------------------------------------------------------------------------------------

TEST_F(Http2Abuse, AStreamsWindowThatOverflowsEndsTheStream) {
  Http2Client attacker(server_.port());
  const auto id = attacker.get("/events?topic=a");
  ASSERT_TRUE(attacker.subscribed({id}));
  attacker.send(window_update(id, 0x7fff'ffff));
  ASSERT_TRUE(attacker.until_end(id));
  EXPECT_EQ(attacker.said.resets[id], Http2Error::kFlowControl);
  goes_on(attacker);
}

TEST_F(Http2Abuse, AWindowOfTheConnectionThatOverflowsEndsIt) {
  Http2Client attacker(server_.port());
  attacker.send(window_update(0, 0x7fff'ffff));
  ends(attacker, Http2Error::kFlowControl);
}

TEST_F(Http2Abuse, ASettingThatMakesAWindowOverflowEndsTheConnection) {
  Http2Client attacker(server_.port());
  const auto id = attacker.get("/events?topic=a");
  attacker.send(window_update(id, 0x7fff'0000) + settings(setting(SettingId::kInitialWindowSize, 0x7fff'ffff)));
  ends(attacker, Http2Error::kFlowControl);
}

TEST_F(Http2Abuse, MoreDataThanTheWindowAllowsEndsTheStream) {
  Http2Client attacker(server_.port());
  const auto id = attacker.request("POST", "/waits", {}, {}, false);
  attacker.send(repeated(5, data(id, std::string(kMaxFramePayload, 'x'))));
  ASSERT_TRUE(attacker.until([&] { return attacker.said.resets.contains(id) || attacker.said.ends.contains(id); }));
  goes_on(attacker);
}

// Each byte of room makes the server send a frame: these frames must not pay for the next byte of room.
class Http2Dribble : public Http2Abuse {
 protected:
  // Returns a client with a stream of events that wait for its window.
  std::uint32_t stall(Http2Client& attacker) {
    for (int i = 0; i < 100; ++i) server_->hub().publish("a", {.data = std::string(1'000, 'x')}).or_throw();
    const auto id = attacker.get("/events?topic=a&lastEventId=earliest");
    EXPECT_TRUE(attacker.until([&] { return attacker.status(id) == "200"; }));
    return id;
  }
};

TEST_F(Http2Dribble, OfAStreamEndsTheConnection) {
  Http2Client attacker(server_.port(), setting(SettingId::kInitialWindowSize, 0));
  const auto id = stall(attacker);
  attacker.send(repeated(kFlood, window_update(id, 1)));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

TEST_F(Http2Dribble, OfTheConnectionEndsIt) {
  Http2Client attacker(server_.port(), setting(SettingId::kInitialWindowSize, 0x7fff'ffff));
  const auto id = stall(attacker);
  ASSERT_TRUE(attacker.until([&] { return attacker.said.data[id].size() == 65'535; }));
  attacker.send(repeated(kFlood, window_update(0, 1)));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

TEST_F(Http2Dribble, BySettingsEndsTheConnection) {
  Http2Client attacker(server_.port(), setting(SettingId::kInitialWindowSize, 0));
  stall(attacker);
  std::string bytes;
  for (std::uint32_t room = 1; room < kFlood; ++room) bytes += settings(setting(SettingId::kInitialWindowSize, room));
  attacker.send(bytes);
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

TEST_F(Http2Dribble, OfAResponseEndsTheConnection) {
  Http2Client attacker(server_.port(), setting(SettingId::kInitialWindowSize, 0));
  const auto id = attacker.get("/large");
  ASSERT_TRUE(attacker.until([&] { return attacker.status(id) == "200"; }));
  attacker.send(repeated(kFlood, window_update(id, 1)));
  ends(attacker, Http2Error::kEnhanceYourCalm);
}

// --- Clients that stand still ---------------------------------------------------------------------------------------

TEST_F(Http2Abuse, AThousandStreamsThatNobodyReadsHoldABoundedMemory) {
  constexpr int kStreams = 999;  // and one that asks at the end
  constexpr int kEvents = 10;
  Http2Client attacker(server_.port(), setting(SettingId::kInitialWindowSize, 0x7fff'ffff), 16 * 1024);
  attacker.send(window_update(0, 0x7000'0000));
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < kStreams; ++i) streams.push_back(attacker.get("/events?topic=a"));
  ASSERT_TRUE(becomes(server_, "millrace_streams", kStreams + 1));
  for (int i = 0; i < kEvents; ++i) {
    server_->hub().publish("a", {.data = std::string(1'000, 'x') + std::to_string(i) + '.'}).or_throw();
    others_go_on();
  }
  EXPECT_LE(metric(server_, "millrace_buffered_bytes"), static_cast<int>(2 * kHttp2GatherBytes));
  for (const auto stream : streams) ASSERT_TRUE(attacker.until_text(stream, "x9.")) << stream;
  goes_on(attacker);
}

TEST(Http2HalfClosed, RequestsThatNeverEndAreAnsweredAtTheirDeadline) {
  ServerOptions options;
  options.http.body_deadline = Duration{300};
  options.publishing.anonymous = true;
  RunningServer server(options);
  Http2Client attacker(server.port());
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 500; ++i) {
    streams.push_back(attacker.request("POST", "/events", {{"content-length", "100"}}, "{", false));
  }
  for (const auto id : streams) {
    ASSERT_TRUE(attacker.until([&] { return attacker.said.ends.contains(id) && attacker.said.resets.contains(id); }));
    EXPECT_EQ(attacker.status(id), "408");
  }
  EXPECT_TRUE(becomes(server, "millrace_http2_streams", 0));
  const auto next = attacker.post("/events", R"({"topic":"a","data":"x"})", {{"content-type", "application/json"}});
  ASSERT_TRUE(attacker.until_end(next));
  EXPECT_EQ(attacker.status(next), "200");
}

}  // namespace
}  // namespace millrace::test
