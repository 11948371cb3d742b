#include "http/body_guard.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::test {
namespace {

// Whether a chunked body may be passed on, however it is cut: whole, and by single bytes. `data`: what it carries.
bool admits(std::string_view body, std::string* data = nullptr) {
  ChunkReader whole;
  std::string of_whole;
  const bool is_admitted = whole.read(body, of_whole);
  ChunkReader in_bytes;
  std::string of_bytes;
  for (const char byte : body) in_bytes.read({&byte, 1}, of_bytes);
  EXPECT_EQ(in_bytes.read({}, of_bytes), is_admitted) << body;
  EXPECT_EQ(of_bytes, of_whole);
  EXPECT_EQ(in_bytes.is_done(), whole.is_done()) << body;
  if (data != nullptr) *data = whole.is_done() ? of_whole : "not done: " + of_whole;
  return is_admitted;
}

// [RFC 9112 7.1]
TEST(BodyGuard, TakesChunksAsTheStandardHasThem) {
  std::string data;
  EXPECT_TRUE(admits("5\r\nhello\r\n0\r\n\r\n", &data));
  EXPECT_EQ(data, "hello");
  EXPECT_TRUE(admits("A;name=value\r\n0123456789\r\n1\r\n\n\r\n000\r\nField: value\r\n\r\nnext", &data));
  EXPECT_EQ(data, "0123456789\n");
  EXPECT_TRUE(admits("5\r\nhello\r\n0\r\n", &data));
  EXPECT_EQ(data, "not done: hello");
}

TEST(BodyGuard, TakesOnlyDigitsForASizeAndNoMoreThanCanBeCounted) {
  for (const char* const size : {"", "-2", "+5", "0x5", " 5", "5 ", "g", ";5"}) {
    EXPECT_FALSE(admits(std::string(size) + "\r\nhello\r\n0\r\n\r\n")) << size;
  }
  // In 64 bits it would be 5.
  EXPECT_FALSE(admits("10000000000000005\r\nhello\r\n0\r\n\r\n"));
}

TEST(BodyGuard, WantsALineEndAfterEachChunk) {
  for (const char* const end : {"X", "X\r\n", "\rX\n", "0\r\n", " \r\n", "\n", "\r"}) {
    EXPECT_FALSE(admits(std::string("5\r\nhello") + end + "0\r\n\r\n")) << end;
  }
}

TEST(BodyGuard, TakesNoBareLineEndAnywhere) {
  for (const char* const body :
       {"5\nhello\r\n0\r\n\r\n", "5;a\nhello\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n", "0\r\n\n", "0\n\r\n",
        "0\r\nField: a\n\r\n", "0\r\nField: a\rb\r\n\r\n", "0\r\nField\r\n\r\n", "0\r\n: a\r\n\r\n"}) {
    EXPECT_FALSE(admits(body)) << body;
  }
}

TEST(BodyGuard, CountsAllChunksTogetherAndBoundsTheirLines) {
  ChunkReader chunks;
  std::string data;
  chunks.read("a\r\n0123456789\r\nffff\r\n", data);
  EXPECT_EQ(chunks.announced(), 65'545u) << "before it has come";
  EXPECT_TRUE(admits("1;" + std::string(kMaxRequestLineBytes - 4, 'x') + "\r\n"));
  EXPECT_FALSE(admits("1;" + std::string(kMaxRequestLineBytes, 'x') + "\r\n"));
  EXPECT_FALSE(admits("0\r\nField: " + std::string(kMaxRequestLineBytes, 'x')));
}

TEST(BodyGuard, BoundsTheLineOfAMultipartBodyThatAnExpressionLooksAt) {
  const std::string field = "content-DISPOSITION: ";
  const std::string much(kMaxRequestLineBytes, 'x');
  EXPECT_TRUE(MultipartGuard().admits("--b\r\n" + field + "form-data\r\n\r\n" + much + much + "\r\n--b--\r\n"));
  EXPECT_FALSE(MultipartGuard().admits("--b\r\n" + field + much + "\r\n"));
}

TEST(BodyGuard, AdmitsNothingAfterWhatItHasRefused) {
  ChunkReader chunks;
  std::string data;
  EXPECT_FALSE(chunks.read("x", data));
  EXPECT_FALSE(chunks.read("\r\n5\r\nhello\r\n", data));
}

}  // namespace
}  // namespace millrace::test
