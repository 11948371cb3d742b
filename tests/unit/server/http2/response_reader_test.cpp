#include "http2/response_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http2_peer.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct Response {
  std::vector<Fields> interim;
  Fields head;
  std::string body;
  bool is_done = false;
  bool is_broken = false;
};

Response read(std::string_view bytes, bool to_head = false, std::size_t size = 1) {
  ResponseReader reader(to_head);
  HpackDecoder decoder(HpackDecoder::Table::kDefault);
  Response response;
  const auto fields = [&] {
    Fields read;
    decoder.decode(reader.block(), [&](auto name, auto value) { read.emplace_back(name, value); });
    return read;
  };
  for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
    std::string_view piece = bytes.substr(0, size);
    for (auto what = reader.next(piece); what != ResponseReader::Read::kMore; what = reader.next(piece)) {
      if (what == ResponseReader::Read::kInterim) response.interim.push_back(fields());
      if (what == ResponseReader::Read::kHead) response.head = fields();
      if (what == ResponseReader::Read::kBody) response.body.append(reader.body());
    }
  }
  response.is_done = reader.is_done();
  response.is_broken = reader.is_broken();
  return response;
}

class ResponseReading : public testing::TestWithParam<std::size_t> {};

TEST_P(ResponseReading, ABodyWithALength) {
  const auto response =
      read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nX-A: b\r\n\r\nhello", false, GetParam());
  EXPECT_THAT(response.head, ElementsAre(Pair(":status", "200"), Pair("content-length", "5"), Pair("x-a", "b")));
  EXPECT_EQ(response.body, "hello");
  EXPECT_TRUE(response.is_done);
}

TEST_P(ResponseReading, ABodyInChunks) {
  const auto response = read(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: "
      "timeout=5\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
      false, GetParam());
  EXPECT_THAT(response.head, ElementsAre(Pair(":status", "200")));
  EXPECT_EQ(response.body, "abc0123456789");
  EXPECT_TRUE(response.is_done);
}

TEST_P(ResponseReading, ABodyThatEndsWithTheConnection) {
  const auto response =
      read("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n", false, GetParam());
  EXPECT_EQ(response.body, "data: x\n\n");
  EXPECT_FALSE(response.is_done);
}

TEST_P(ResponseReading, NoBodyToHeadNorWith204And304) {
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, GetParam()).is_done);
  EXPECT_TRUE(read("HTTP/1.1 204 No Content\r\n\r\n", false, GetParam()).is_done);
  EXPECT_TRUE(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false, GetParam()).is_done);
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, GetParam()).is_done);
}

TEST_P(ResponseReading, AnInterimResponseBefore) {
  const auto response =
      read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, GetParam());
  EXPECT_THAT(response.interim, ElementsAre(ElementsAre(Pair(":status", "100"))));
  EXPECT_EQ(response.body, "x");
  EXPECT_TRUE(response.is_done);
}

TEST_P(ResponseReading, WhatIsNoResponseIsBroken) {
  EXPECT_TRUE(read("hello\r\n\r\n", false, GetParam()).is_broken);
  EXPECT_TRUE(read("HTTP/1.1 99 x\r\n\r\n", false, GetParam()).is_broken);
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, GetParam()).is_broken);
}

TEST_P(ResponseReading, LeavesOutFieldsThatHttp2DoesNotHave) {
  const auto response = read(
      "HTTP/1.1 200 OK\r\nUpgrade: x\r\nProxy-Connection: x\r\nBad Name: x\r\nA: b\x01\r\nContent-Length: 0\r\n\r\n",
      false, GetParam());
  EXPECT_THAT(response.head, ElementsAre(Pair(":status", "200"), Pair("a", "b\x01"), Pair("content-length", "0")));
}

INSTANTIATE_TEST_SUITE_P(InPieces, ResponseReading, testing::Values(1, 2, 7, 1'000));

}  // namespace
}  // namespace millrace::test
