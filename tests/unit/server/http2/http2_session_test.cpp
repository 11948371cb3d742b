// An Http2Session's windows, settings and streams, as its owner uses it.
#include "http2/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http2_peer.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Http2Session, AsksForAnEmptyTableAndSaysItsBounds) {
  Http2Peer peer;
  const Said& said = peer.collect();
  EXPECT_EQ(said.settings.at(SettingId::kHeaderTableSize), 0u);
  EXPECT_EQ(said.settings.at(SettingId::kMaxConcurrentStreams), kHttp2MaxStreams);
  EXPECT_EQ(said.settings.at(SettingId::kInitialWindowSize), kHttp2StreamWindowBytes);
  EXPECT_EQ(said.settings.at(SettingId::kMaxHeaderListSize), 16u * 1024);
  EXPECT_EQ(said.window_updates.at(0), kHttp2ConnectionWindowBytes - 65'535);
  EXPECT_FALSE(said.settings.contains(SettingId::kEnablePush));
}

TEST(Http2Session, MakesAHeadOfHttp1) {
  Http2Peer peer;
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 5, 1,
                  "\x20" + block_of({{":method", "POST"},
                                     {":scheme", "https"},
                                     {":authority", "example.org:8443"},
                                     {":path", "/a?b=c"},
                                     {"accept", "*/*"},
                                     {"cookie", "a=1"},
                                     {"content-length", "0"},
                                     {"cookie", "b=2"},
                                     {"te", "trailers"},
                                     {"host", "Example.org:8443"},
                                     {"last-event-id", "7"}})));
  EXPECT_EQ(peer.heads.at(1),
            "POST /a?b=c HTTP/1.1\r\nhost: example.org:8443\r\ncontent-length: 0\r\ncookie: a=1; b=2\r\naccept: */*\r\n"
            "last-event-id: 7\r\n");
}

TEST(Http2Session, AcknowledgesSettingsAndPings) {
  Http2Peer peer;
  peer.greet();
  peer.give(settings() + frame(FrameType::kPing, 0, 0, "abcdefgh"));
  EXPECT_EQ(peer.said.settings_acks, 2);
  EXPECT_THAT(peer.said.pings, ElementsAre("abcdefgh"));
  EXPECT_TRUE(peer.session.is_settled());
}

TEST(Http2Session, AnswersAndForgetsTheStream) {
  Http2Peer peer;
  peer.greet();
  peer.give(headers(1, get_fields())
                .replace(9, 0, "\x20")
                .replace(0, 3, bytes_of({0, 0, static_cast<int>(block_of(get_fields()).size() + 1)})));
  peer.respond(1);
  EXPECT_EQ(peer.send(1, "hello", true), 5u);
  EXPECT_EQ(peer.said.data.at(1), "hello");
  EXPECT_TRUE(peer.said.ends.at(1));
  EXPECT_EQ(peer.session.find(1), nullptr);
  EXPECT_EQ(peer.session.open(), 0u);
  EXPECT_TRUE(peer.said.resets.empty());
}

// --- What it sends --------------------------------------------------------------------------------------------------

class Http2SessionSending : public testing::Test {
 protected:
  void open(std::uint32_t initial_window, std::uint32_t streams = 1) {
    peer.give(Http2Peer::greeting(setting(SettingId::kInitialWindowSize, initial_window)));
    for (std::uint32_t i = 0; i < streams; ++i) {
      peer.give(headers(2 * i + 1, get_fields()));
      peer.respond(2 * i + 1);
    }
  }
  Http2Peer peer;
};

TEST_F(Http2SessionSending, SendsNoMoreThanTheStreamsWindow) {
  open(10);
  EXPECT_EQ(peer.send(1, "0123456789ab"), 10u);
  EXPECT_EQ(peer.send(1, "ab"), 0u);
  peer.give(window_update(1, 1));
  EXPECT_THAT(peer.with_room, ElementsAre(1u));
  EXPECT_EQ(peer.send(1, "ab"), 1u);
  EXPECT_EQ(peer.said.data.at(1), "0123456789a");
}

TEST_F(Http2SessionSending, SendsNoMoreThanTheConnectionsWindow) {
  open(0x7fffffff, 2);
  EXPECT_EQ(peer.send(1, std::string(65'000, 'x')), 65'000u);
  EXPECT_EQ(peer.send(3, std::string(1'000, 'y')), 535u);
  EXPECT_EQ(peer.send(1, "x"), 0u);
  peer.room_for_all = 0;
  peer.give(window_update(0, 3));
  EXPECT_EQ(peer.room_for_all, 1);
  EXPECT_EQ(peer.send(3, "abcd"), 3u);
}

TEST_F(Http2SessionSending, CutsDataIntoFramesThatEverybodyTakes) {
  open(65'535);
  EXPECT_EQ(peer.send(1, std::string(40'000, 'x')), 40'000u);
  EXPECT_THAT(peer.said.data_frames, ElementsAre(16'384u, 16'384u, 7'232u));
}

TEST_F(Http2SessionSending, PutsSeveralPiecesIntoOneFrame) {
  open(65'535);
  const std::string_view pieces[] = {"one", "", "two", "three"};
  EXPECT_EQ(peer.session.send(*peer.session.find(1), pieces, true), 11u);
  peer.collect();
  EXPECT_EQ(peer.said.data.at(1), "onetwothree");
  EXPECT_THAT(peer.said.data_frames, ElementsAre(11u));
  EXPECT_TRUE(peer.said.ends.at(1));
}

TEST_F(Http2SessionSending, EndsOnlyWhenEverythingHasGone) {
  open(3);
  EXPECT_EQ(peer.send(1, "abcd", true), 3u);
  EXPECT_FALSE(peer.said.ends.contains(1));
  peer.give(window_update(1, 10));
  EXPECT_EQ(peer.send(1, "d", true), 1u);
  EXPECT_TRUE(peer.said.ends.at(1));
}

TEST_F(Http2SessionSending, EndsWithAnEmptyFrameThoughTheWindowIsShut) {
  open(0);
  EXPECT_EQ(peer.send(1, "", true), 0u);
  EXPECT_TRUE(peer.said.ends.at(1));
  EXPECT_EQ(peer.session.find(1), nullptr);
}

TEST_F(Http2SessionSending, ASettingWidensAndNarrowsWindowsThatAreOpen) {
  open(10);
  EXPECT_EQ(peer.send(1, "0123456789"), 10u);
  peer.give(settings(setting(SettingId::kInitialWindowSize, 4)));
  EXPECT_EQ(peer.session.find(1)->send_window, -6);
  peer.give(window_update(1, 6));
  EXPECT_EQ(peer.send(1, "x"), 0u);
  peer.give(settings(setting(SettingId::kInitialWindowSize, 5)));
  EXPECT_EQ(peer.room_for_all, 1);
  EXPECT_EQ(peer.send(1, "xy"), 1u);
}

TEST_F(Http2SessionSending, AddsNothingToAnOutputThatIsBlockedButWhatTheProtocolDemands) {
  open(100);
  peer.session.block_output(true);
  EXPECT_EQ(peer.send(1, "abc"), 0u);
  peer.give(frame(FrameType::kPing, 0, 0, "12345678"));
  EXPECT_EQ(peer.said.pings.size(), 1u);
  peer.session.block_output(false);
  EXPECT_EQ(peer.send(1, "abc"), 3u);
}

TEST_F(Http2SessionSending, CollectsNoMoreThanTheBoundAtOnce) {
  peer.give(Http2Peer::greeting(setting(SettingId::kInitialWindowSize, 0x7fffffff)) + window_update(0, 0x7000'0000) +
            headers(1, get_fields()));
  peer.respond(1);
  const std::string much(2 * kHttp2GatherBytes, 'x');
  const std::string_view piece = much;
  const std::size_t sent = peer.session.send(*peer.session.find(1), {&piece, 1}, false);
  EXPECT_EQ(sent, kHttp2GatherBytes);
  EXPECT_EQ(peer.session.room(*peer.session.find(1)), 0u);
  peer.collect();
  EXPECT_GT(peer.session.room(*peer.session.find(1)), 0u);
}

TEST_F(Http2SessionSending, StalledStreamsLeaveTheLastEighthOfTheWindowToOthers) {
  peer.give(Http2Peer::greeting(setting(SettingId::kInitialWindowSize, 6'000'000)) +
            window_update(0, 15'000'000 - 65'535));
  for (const std::uint32_t id : {1u, 3u, 5u, 7u}) {
    peer.give(headers(id, get_fields()));
    peer.respond(id);
  }
  for (const std::uint32_t id : {1u, 3u, 5u}) {
    while (peer.send(id, std::string(100'000, 'x')) > 0) {
    }
  }
  EXPECT_GT(peer.session.room(*peer.session.find(7)), 0u);
  EXPECT_EQ(peer.send(7, "an event"), 8u);
}

TEST_F(Http2SessionSending, SaysThatItsTableIsEmptyOnceBeforeEverythingElse) {
  peer.give(Http2Peer::greeting() + headers(1, get_fields()) + headers(3, get_fields()));
  std::string block;
  append_status(200, block);
  peer.session.output().clear();
  peer.session.respond(*peer.session.find(1), block, false);
  EXPECT_EQ(peer.session.output(), bytes_of({0, 0, 2, 1, 4, 0, 0, 0, 1, 0x20, 0x88}));
  peer.session.output().clear();
  peer.session.respond(*peer.session.find(3), block, false);
  EXPECT_EQ(peer.session.output(), bytes_of({0, 0, 1, 1, 4, 0, 0, 0, 3, 0x88}));
}

TEST_F(Http2SessionSending, TellsAClientThatStillSendsThatNobodyReads) {
  peer.give(Http2Peer::greeting() + headers(1, post_fields(), 0) + data(1, "abc"));
  peer.respond(1, true);
  EXPECT_TRUE(peer.said.ends.at(1));
  EXPECT_EQ(peer.said.resets.at(1), Http2Error::kNone);
  EXPECT_TRUE(peer.give(data(1, "still", true))) << peer.session.error_sentence();
}

TEST_F(Http2SessionSending, ALargeFieldSectionTakesSeveralFrames) {
  open(100);
  std::string block;
  append_status(200, block);
  append_field("x-large", std::string(40'000, 'v'), block);
  peer.give(headers(3, get_fields()));
  peer.session.respond(*peer.session.find(3), block, true);
  peer.collect();
  EXPECT_EQ(peer.said.heads.at(3).back().second.size(), 40'000u);
  EXPECT_TRUE(peer.said.ends.at(3));
}

// --- What it receives -----------------------------------------------------------------------------------------------

TEST(Http2SessionReceiving, GivesCreditForWhatIsConsumed) {
  Http2Peer peer(false);
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 4, 1, "\x20" + block_of(post_fields())));
  peer.give(data(1, std::string(16'384, 'x')) + data(1, std::string(16'384, 'x')) + data(1, std::string(100, 'x')));
  peer.said = {};
  peer.session.consume(*peer.session.find(1), 100);
  EXPECT_TRUE(peer.collect().window_updates.empty());
  peer.session.consume(*peer.session.find(1), 32'768);
  EXPECT_EQ(peer.collect().window_updates.at(1), 32'868u);
  EXPECT_FALSE(peer.said.window_updates.contains(0));
}

TEST(Http2SessionReceiving, AnUploadOfAnyLengthGoesOnAsItIsConsumed) {
  Http2Peer peer;
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 4, 1, "\x20" + block_of(post_fields())));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(peer.give(data(1, std::string(16'384, 'x')))) << i;
  EXPECT_GE(peer.said.window_updates.at(1), 200u * 16'384 - kHttp2StreamWindowBytes);
  EXPECT_GE(peer.said.window_updates.at(0), 200u * 16'384 - kHttp2ConnectionWindowBytes / 2);
  EXPECT_TRUE(peer.said.resets.empty());
}

TEST(Http2SessionReceiving, WhatAStreamThatEndsHasNotConsumedGoesBackToTheConnection) {
  Http2Peer peer(false);
  peer.greet();
  peer.said = {};
  std::uint32_t id = 1;
  std::string update = "\x20";
  for (int i = 0; i < 40; ++i, id += 2) {  // 2.5 MiB, of a window of 1 MiB
    ASSERT_TRUE(peer.give(frame(FrameType::kHeaders, 4, id, std::exchange(update, "") + block_of(post_fields()))));
    for (const std::size_t size : {16'384, 16'384, 16'384, 16'383})
      ASSERT_TRUE(peer.give(data(id, std::string(size, 'x')))) << i;
    peer.give(reset_of(id));
  }
  EXPECT_GE(peer.said.window_updates.at(0), 1'500'000u);
}

TEST(Http2SessionReceiving, DataForAStreamThatWasResetCostsNoWindow) {
  Http2Peer peer(false);
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 4, 1, "\x20" + block_of(post_fields())));
  peer.session.reset(*peer.session.find(1), Http2Error::kCancel);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(peer.give(data(1, std::string(16'384, 'x')))) << i;
}

TEST(Http2SessionReceiving, PaddingCostsNoWindow) {
  Http2Peer peer;
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 4, 1, "\x20" + block_of(post_fields())));
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(
        peer.give(frame(FrameType::kData, frame_flag::kPadded, 1, bytes_of({200}) + "x" + std::string(200, '\0'))))
        << i;
  }
  EXPECT_EQ(peer.bodies.at(1).size(), 5'000u);
}

TEST(Http2SessionReceiving, TellsWhoseStreamIsGone) {
  Http2Peer peer;
  peer.greet();
  peer.give(frame(FrameType::kHeaders, 5, 1, "\x20" + block_of(get_fields())) + reset_of(1));
  EXPECT_THAT(peer.lost, ElementsAre(1u));
  EXPECT_EQ(peer.session.find(1), nullptr);
}

TEST(Http2SessionReceiving, FramesOfTheServersOwnMakingAreEarned) {
  Http2Peer peer;
  peer.give(Http2Peer::greeting(setting(SettingId::kInitialWindowSize, 0x7fffffff)) + window_update(0, 0x7000'0000) +
            headers(1, get_fields()));
  peer.respond(1);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(peer.send(1, "event"), 5u);
    ASSERT_TRUE(peer.give(window_update(0, 5) + window_update(1, 5))) << i << peer.session.error_sentence();
  }
}

TEST(Http2SessionReceiving, TimeBringsNewAllowance) {
  Http2Peer peer;
  peer.greet();
  for (int second = 0; second < 100; ++second) {
    peer.now += Duration{1'000};
    ASSERT_TRUE(peer.give(repeated(kHttp2ControlFramesPerSecond, frame(FrameType::kPing, 0, 0, "12345678")))) << second;
  }
  EXPECT_FALSE(peer.give(repeated(kHttp2ControlFramesAtOnce + 1, frame(FrameType::kPing, 0, 0, "12345678"))));
  EXPECT_EQ(peer.session.error(), Http2Error::kEnhanceYourCalm);
}

TEST(Http2SessionReceiving, AHeldPlaceCountsAsAnOpenStream) {
  Http2Peer peer;
  peer.give(Http2Peer::greeting());
  for (std::size_t i = 0; i < kHttp2MaxStreams; ++i) peer.session.hold_place();
  peer.give(headers(1, get_fields()));
  EXPECT_EQ(peer.said.resets.at(1), Http2Error::kRefusedStream);
  peer.session.give_back_place();
  peer.give(headers(3, get_fields()));
  EXPECT_TRUE(peer.heads.contains(3));
}

TEST(Http2SessionLife, GoingAwayAnswersWhatIsThereAndRefusesTheRest) {
  Http2Peer peer;
  peer.give(Http2Peer::greeting() + headers(1, get_fields()));
  peer.session.go_away("the server is about to stop");
  peer.collect();
  EXPECT_THAT(peer.said.go_aways, ElementsAre(Http2Error::kNone));
  EXPECT_TRUE(peer.give(headers(3, get_fields())));
  EXPECT_EQ(peer.said.resets.at(3), Http2Error::kRefusedStream);
  peer.respond(1);
  EXPECT_EQ(peer.send(1, "x", true), 1u);
  EXPECT_TRUE(peer.said.ends.at(1));
}

TEST(Http2SessionLife, NothingFollowsItsEnd) {
  Http2Peer peer;
  peer.give(Http2Peer::greeting() + headers(1, get_fields()) + frame(FrameType::kPushPromise, 4, 1, number_32(2)));
  EXPECT_TRUE(peer.session.is_over());
  peer.respond(1);
  EXPECT_EQ(peer.send(1, "x", true), 0u);
  EXPECT_FALSE(peer.give(headers(3, get_fields())));
  EXPECT_EQ(peer.said.go_aways.size(), 1u);
  EXPECT_TRUE(peer.said.heads.empty());
  EXPECT_THAT(std::string(peer.session.error_sentence()), HasSubstr("PUSH_PROMISE"));
}

TEST(Http2SessionLife, ReportsAFieldSectionThatIsTooLarge) {
  Http2Peer peer(true, 100);
  peer.give(Http2Peer::greeting() + headers(1, get_fields("/" + std::string(200, 'x'))));
  EXPECT_THAT(peer.too_large, testing::ElementsAre(1u));
  EXPECT_TRUE(peer.heads.empty());
}

TEST(Http2SessionLife, PingsAndIsNotChargedForTheAnswer) {
  Http2Peer peer;
  peer.greet();
  for (std::size_t i = 0; i < 2 * kHttp2ControlFramesAtOnce; ++i) {
    peer.session.ping();
    ASSERT_TRUE(peer.give(frame(FrameType::kPing, frame_flag::kAck, 0, std::string(8, '\0')))) << i;
  }
  EXPECT_EQ(peer.said.pings.size(), 2 * kHttp2ControlFramesAtOnce);
}

TEST(Http2SessionLife, HoldsNoMemoryForWhatIsOver) {
  Http2Peer peer;
  peer.greet();
  EXPECT_LT(sizeof(Http2Session), 600u);
  EXPECT_EQ(sizeof(Http2Stream), 24u);
  const std::string part =
      frame(FrameType::kHeaders, 0, 1, "\x20" + block_of(get_fields("/" + std::string(9'000, 'x'))));
  peer.give_in_pieces(part, 1'000);
  EXPECT_GE(peer.session.held_bytes(), 9'000u);
  peer.give(frame(FrameType::kContinuation, 4, 1));
  EXPECT_LT(peer.session.held_bytes(), 100u);
}

}  // namespace
}  // namespace millrace::test
