#include "http2/hpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http2_peer.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

Fields decoded(HpackDecoder& decoder, std::string_view block) {
  Fields fields;
  EXPECT_TRUE(
      decoder.decode(block, [&](std::string_view name, std::string_view value) { fields.emplace_back(name, value); }));
  return fields;
}

TEST(Hpack, EncodesStatusesOfTheStaticTableInAByte) {
  const std::pair<int, int> statuses[] = {{200, 0x88}, {204, 0x89}, {206, 0x8a}, {304, 0x8b},
                                          {400, 0x8c}, {404, 0x8d}, {500, 0x8e}};
  for (const auto& [status, byte] : statuses) {
    std::string block;
    append_status(status, block);
    EXPECT_EQ(block, bytes_of({byte})) << status;
  }
  std::string block;
  append_status(431, block);
  EXPECT_EQ(block, bytes_of({0x08, 3}) + "431");
}

TEST(Hpack, WhatItEncodesIsDecoded) {
  std::string block;
  append_status(503, block);
  append_field("content-type", "text/event-stream", block);
  append_field("x-accel-buffering", "no", block);
  append_field("set-cookie", std::string(5'000, 'c'), block);
  append_field("empty", "", block);
  append_field("www-authenticate", "Bearer", block);
  HpackDecoder decoder(HpackDecoder::Table::kDefault);
  EXPECT_THAT(
      decoded(decoder, block),
      ElementsAre(Pair(":status", "503"), Pair("content-type", "text/event-stream"), Pair("x-accel-buffering", "no"),
                  Pair("set-cookie", std::string(5'000, 'c')), Pair("empty", ""), Pair("www-authenticate", "Bearer")));
}

TEST(Hpack, NamesOfTheStaticTableAreTheRightOnes) {
  for (const char* name : {"accept-ranges",
                           "access-control-allow-origin",
                           "age",
                           "allow",
                           "cache-control",
                           "content-disposition",
                           "content-encoding",
                           "content-language",
                           "content-length",
                           "content-location",
                           "content-range",
                           "content-type",
                           "date",
                           "etag",
                           "expires",
                           "last-modified",
                           "link",
                           "location",
                           "retry-after",
                           "server",
                           "set-cookie",
                           "strict-transport-security",
                           "vary",
                           "www-authenticate"}) {
    std::string block;
    append_field(name, "v", block);
    EXPECT_LE(block.size(), 4u) << name;
    HpackDecoder decoder(HpackDecoder::Table::kNone);
    EXPECT_THAT(decoded(decoder, block), ElementsAre(Pair(name, "v")));
  }
}

// [RFC 7541 C.3 and C.4] three requests of one connection, plain and in Huffman's code.
TEST(Hpack, DecodesTheStandardsExamples) {
  HpackDecoder plain(HpackDecoder::Table::kDefault);
  decoded(plain, bytes_of({0x82, 0x86, 0x84, 0x41, 0x0f}) + "www.example.com");
  EXPECT_THAT(decoded(plain, bytes_of({0x82, 0x86, 0x84, 0xbe, 0x58, 0x08}) + "no-cache"),
              ElementsAre(Pair(":method", "GET"), Pair(":scheme", "http"), Pair(":path", "/"),
                          Pair(":authority", "www.example.com"), Pair("cache-control", "no-cache")));
  HpackDecoder huffman(HpackDecoder::Table::kDefault);
  EXPECT_THAT(decoded(huffman, bytes_of({0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0,
                                         0xab, 0x90, 0xf4, 0xff}))
                  .back(),
              Pair(":authority", "www.example.com"));
}

TEST(Hpack, ADecoderWithoutATableServesManyConnections) {
  HpackDecoder decoder(HpackDecoder::Table::kNone);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(decoded(decoder, bytes_of({0x20, 0x82, 0x40, 1, 'a', 1, 'b'})),
                ElementsAre(Pair(":method", "GET"), Pair("a", "b")));
    EXPECT_FALSE(HpackDecoder(HpackDecoder::Table::kNone).decode(bytes_of({0xbe}), [](auto, auto) {}));
  }
}

}  // namespace
}  // namespace millrace::test
