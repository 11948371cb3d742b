#include "http/body_guard.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::test {
namespace {

// Whether a body may be passed on, however it is cut: whole, and by single bytes.
bool admits(const RequestHead& head, std::string_view body, std::uint64_t max_bytes = 100) {
  BodyGuard whole(head, max_bytes);
  const bool is_admitted = whole.admits(body);
  BodyGuard in_bytes(head, max_bytes);
  for (const char byte : body) in_bytes.admits({&byte, 1});
  EXPECT_EQ(in_bytes.admits({}), is_admitted) << body;
  return is_admitted;
}

RequestHead chunked() {
  RequestHead head;
  head.chunked = true;
  return head;
}

// [RFC 9112 7.1]
TEST(BodyGuard, TakesChunksAsTheStandardHasThem) {
  EXPECT_TRUE(admits(chunked(), "5\r\nhello\r\n0\r\n\r\n"));
  EXPECT_TRUE(admits(chunked(), "A;name=value\r\n0123456789\r\n1\r\n\n\r\n000\r\nField: value\r\n\r\n"));
}

TEST(BodyGuard, TakesOnlyDigitsForASizeAndNoMoreThanCanBeCounted) {
  for (const char* const size : {"", "-2", "+5", "0x5", " 5", "5 ", "g", ";5"}) {
    EXPECT_FALSE(admits(chunked(), std::string(size) + "\r\nhello\r\n0\r\n\r\n")) << size;
  }
  // In 64 bits it would be 5.
  EXPECT_FALSE(admits(chunked(), "10000000000000005\r\nhello\r\n0\r\n\r\n"));
}

TEST(BodyGuard, WantsALineEndBehindEachChunk) {
  for (const char* const end : {"X", "X\r\n", "\rX\n", "0\r\n", " \r\n"}) {
    EXPECT_FALSE(admits(chunked(), std::string("5\r\nhello") + end + "0\r\n\r\n")) << end;
  }
}

TEST(BodyGuard, BoundsAllChunksTogetherAndTheirLines) {
  const std::string ten = "a\r\n0123456789\r\n";
  EXPECT_TRUE(admits(chunked(), ten + ten + "0\r\n\r\n", 20));
  EXPECT_FALSE(admits(chunked(), ten + ten + "1\r\nx\r\n0\r\n\r\n", 20));
  EXPECT_TRUE(admits(chunked(), "1;" + std::string(kMaxRequestLineBytes - 4, 'x') + "\r\n"));
  EXPECT_FALSE(admits(chunked(), "1;" + std::string(kMaxRequestLineBytes, 'x') + "\r\n"));
  EXPECT_FALSE(admits(chunked(), "0\r\nField: " + std::string(kMaxRequestLineBytes, 'x')));
}

TEST(BodyGuard, BoundsTheLineOfAMultipartBodyThatAnExpressionLooksAt) {
  RequestHead head;
  head.is_multipart = true;
  const std::string field = "content-DISPOSITION: ";
  const std::string much(kMaxRequestLineBytes, 'x');
  EXPECT_TRUE(admits(head, "--b\r\n" + field + "form-data\r\n\r\n" + much + much + "\r\n--b--\r\n"));
  EXPECT_FALSE(admits(head, "--b\r\n" + field + much + "\r\n"));
  EXPECT_TRUE(admits(RequestHead(), field + much)) << "in another body it is text";
}

TEST(BodyGuard, AdmitsNothingBehindWhatItHasRefused) {
  BodyGuard guard(chunked(), 100);
  EXPECT_FALSE(guard.admits("x"));
  EXPECT_FALSE(guard.admits("\r\n5\r\nhello\r\n"));
}

}  // namespace
}  // namespace millrace::test
