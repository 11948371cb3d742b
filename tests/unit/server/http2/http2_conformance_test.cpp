// What a server has to do with each thing that a client may send, by the sections of RFC 9113 and RFC 7541. Each case
// is tried whole, and cut after every byte.
#include "http2_conformance.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "http2_peer.h"

namespace millrace::test {
namespace {

class Http2Conformance : public testing::TestWithParam<Case> {};

void expect(const Http2Peer& peer, const Case& one) {
  const Said& said = peer.said;
  switch (one.comes) {
    case Comes::kRequests:
      EXPECT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      EXPECT_EQ(said.resets.size(), 0u);
      EXPECT_EQ(peer.heads.size(), one.number);
      break;
    case Comes::kReset:
      ASSERT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      ASSERT_TRUE(said.resets.contains(one.stream));
      EXPECT_EQ(said.resets.at(one.stream), one.error);
      EXPECT_EQ(said.resets.size(), 1u);
      break;
    case Comes::kConnection:
      ASSERT_EQ(said.go_aways.size(), 1u);
      EXPECT_EQ(said.go_aways.front(), one.error) << peer.session.error_sentence();
      EXPECT_TRUE(peer.session.is_over());
      break;
    case Comes::kTooLarge:
      EXPECT_TRUE(said.go_aways.empty()) << peer.session.error_sentence();
      EXPECT_EQ(said.resets.size(), 0u);
      EXPECT_EQ(peer.too_large, std::vector<std::uint32_t>{one.stream});
      EXPECT_TRUE(peer.heads.empty());
      break;
  }
}

TEST_P(Http2Conformance, DoesWhatTheStandardSays) {
  const Case& one = GetParam();
  const std::string bytes = (one.is_raw ? "" : Http2Peer::greeting()) + one.bytes;
  for (const std::size_t size : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    SCOPED_TRACE(testing::Message() << one << ", in pieces of " << size << " bytes");
    Http2Peer peer(one.error != Http2Error::kFlowControl);
    peer.give_in_pieces(bytes, size);
    expect(peer, one);
  }
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  std::string name = "s" + std::string(info.param.section) + "_" + std::to_string(info.index) + "_" + info.param.what;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Framing, Http2Conformance, testing::ValuesIn(framing()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Streams, Http2Conformance, testing::ValuesIn(streams()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Frames, Http2Conformance, testing::ValuesIn(frames()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Messages, Http2Conformance, testing::ValuesIn(messages()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Abuse, Http2Conformance, testing::ValuesIn(abuse()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Hpack, Http2Conformance, testing::ValuesIn(hpack()), name_of_case);

}  // namespace
}  // namespace millrace::test
