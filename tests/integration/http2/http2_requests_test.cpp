// Requests to handlers over HTTP/2, with bodies both ways, from a real server over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http2_server.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Http2Requests : public Http2Server {};

TEST_F(Http2Requests, HandlersAnswer) {
  Http2Client client(server_.port());
  const auto first = client.get("/x");
  const auto second = client.get("/nowhere");
  const auto head = client.request("HEAD", "/x", {}, {}, true);
  const auto address = client.get("/address");
  for (const auto id : {first, second, head, address}) ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(first), "200");
  EXPECT_EQ(client.said.data[first], "x");
  EXPECT_EQ(client.status(second), "404");
  EXPECT_EQ(client.status(head), "200");
  EXPECT_EQ(client.field(head, "content-length"), "1");
  EXPECT_EQ(client.said.data[head], "");
  EXPECT_EQ(client.said.data[address], "127.0.0.1");
}

TEST_F(Http2Requests, AResponseGoesAsTheWindowsLetItThrough) {
  Http2Client client(server_.port());
  client.answer_all();
  const auto id = client.get("/large");
  std::size_t had = 0;
  while (!client.said.ends.contains(id)) {
    ASSERT_TRUE(client.until([&] { return client.said.data[id].size() > had || client.said.ends.contains(id); }));
    const std::size_t now = client.said.data[id].size();
    if (now > had) client.send(window_update(id, static_cast<std::uint32_t>(now - had)));
    had = now;
  }
  EXPECT_EQ(client.said.data[id], pattern(kLarge));
  EXPECT_EQ(client.field(id, "content-length"), std::to_string(kLarge));
}

TEST_F(Http2Requests, AResponseInChunksLosesThem) {
  Http2Client client(server_.port());
  const auto id = client.get("/chunks");
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "200");
  EXPECT_THAT(client.said.data[id], StartsWith("0;1;2;"));
  EXPECT_THAT(client.said.data[id], testing::EndsWith(";98;99;"));
}

TEST_F(Http2Requests, AResponseThatBreaksOffIsReset) {
  Http2Client client(server_.port());
  const auto id = client.get("/broken");
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.said.resets[id], Http2Error::kInternal);
  const auto next = client.get("/x");
  ASSERT_TRUE(client.until_end(next));
  EXPECT_EQ(client.said.data[next], "x");
}

TEST_F(Http2Requests, BodiesComeWithAndWithoutALength) {
  Http2Client client(server_.port());
  const auto with = client.post("/echo", "hello", {{"content-length", "5"}});
  const auto without = client.post("/echo", "hello again");
  const auto empty = client.request("POST", "/echo", {}, {}, true);
  const auto later = client.request("POST", "/echo", {}, "in ", false);
  for (const auto id : {with, without, empty}) ASSERT_TRUE(client.until_end(id));
  client.send(data(later, "two ") + data(later, "parts", true));
  ASSERT_TRUE(client.until_end(later));
  EXPECT_EQ(client.said.data[with], "hello");
  EXPECT_EQ(client.said.data[without], "hello again");
  EXPECT_EQ(client.said.data[empty], "");
  EXPECT_EQ(client.said.data[later], "in two parts");
}

// What the window lets through at once, and then as it is widened.
void upload(Http2Client& client, std::uint32_t id, std::string_view body) {
  std::size_t sent = 0;
  while (sent < body.size()) {
    const std::size_t stream = 65'535 + client.said.window_updates[id];
    const std::size_t all = 65'535 + client.said.window_updates[0];
    const std::size_t room = std::min({stream - sent, all - sent, body.size() - sent, kMaxFramePayload});
    if (room == 0) {
      const auto before = client.said.window_updates[id];
      ASSERT_TRUE(client.until([&] {
        return client.said.window_updates[id] > before || client.said.resets.contains(id) ||
               client.said.ends.contains(id);
      }));
      if (client.said.resets.contains(id) || client.said.ends.contains(id)) return;
      continue;
    }
    client.send(data(id, body.substr(sent, room), sent + room == body.size()));
    sent += room;
  }
}

TEST_F(Http2Requests, AWorkerReadsALargeBodyAsItComes) {
  Http2Client client(server_.port());
  const std::string body = pattern(kLarge);
  const auto with = client.request("POST", "/whole", {{"content-length", std::to_string(body.size())}}, {}, false);
  upload(client, with, body);
  ASSERT_TRUE(client.until_end(with));
  EXPECT_EQ(client.said.data[with], std::to_string(kLarge));
}

TEST_F(Http2Requests, AWorkerReadsALargeBodyOfUnknownLength) {
  Http2Client client(server_.port());
  const std::string body = pattern(kLarge);
  const auto without = client.request("POST", "/whole", {}, {}, false);
  upload(client, without, body);
  ASSERT_TRUE(client.until_end(without));
  EXPECT_EQ(client.said.data[without], std::to_string(kLarge));
}

TEST_F(Http2Requests, ABodyThatNobodyTakesIsNotReadToItsEnd) {
  Http2Client client(server_.port());
  const auto id = client.request("POST", "/nowhere", {{"content-length", "100000000"}}, "begins", false);
  ASSERT_TRUE(client.until([&] { return client.said.ends.contains(id) && client.said.resets.contains(id); }));
  EXPECT_EQ(client.status(id), "404");
  EXPECT_EQ(client.said.resets[id], Http2Error::kNone);
}

TEST_F(Http2Requests, AsksForABodyThatWaits) {
  Http2Client client(server_.port());
  const auto id = client.request("POST", "/echo", {{"content-length", "5"}, {"expect", "100-continue"}}, {}, false);
  ASSERT_TRUE(client.until([&] { return client.status(id) == "100"; }));
  client.said.heads.clear();
  client.send(data(id, "hello", true));
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "200");
  EXPECT_EQ(client.said.data[id], "hello");
}

TEST_F(Http2Requests, ServesARange) {
  Http2Client client(server_.port());
  const auto id = client.get("/large", {{"range", "bytes=10-19"}});
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "206");
  EXPECT_EQ(client.said.data[id], pattern(kLarge).substr(10, 10));
}

TEST_F(Http2Requests, OneRequestDoesNotWaitForAnother) {
  Http2Client client(server_.port());
  const auto slow = client.get("/waits");
  ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
  const auto fast = client.get("/x");
  ASSERT_TRUE(client.until_end(fast));
  EXPECT_FALSE(client.said.ends.contains(slow));
  release_.set_value();
  ASSERT_TRUE(client.until_end(slow));
  EXPECT_EQ(client.said.data[slow], "done");
}

TEST_F(Http2Requests, AWorkerOutlivesItsStreamAndItsConnection) {
  {
    Http2Client client(server_.port());
    const auto slow = client.get("/waits");
    ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
    client.send(reset_of(slow));
    const auto next = client.get("/x");
    ASSERT_TRUE(client.until_end(next));
    EXPECT_FALSE(client.said.ends.contains(slow));
  }
  release_.set_value();
  EXPECT_TRUE(becomes(server_, "millrace_connections", 0));
}

}  // namespace
}  // namespace millrace::test
