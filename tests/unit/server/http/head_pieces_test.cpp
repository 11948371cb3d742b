#include "http/head_pieces.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(HeadPieces, JoinsAnInterimHeadThatComesInTwoPieces) {
  HeadPieces pieces;
  EXPECT_EQ(pieces.join("HTTP/1.1 100 Continue\r\n"), "");
  EXPECT_EQ(pieces.join("\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(pieces.join("HTTP/1.1 200 OK\r\n\r\nbody"), "HTTP/1.1 200 OK\r\n\r\nbody") << "the interim head is gone";
}

TEST(HeadPieces, JoinsAHeadAtAnySplit) {
  const std::string_view head = "HTTP/1.1 417 Expectation Failed\r\nA: b\r\n\r\n";
  for (std::size_t at = 0; at < head.size(); ++at) {
    HeadPieces pieces;
    EXPECT_EQ(pieces.join(head.substr(0, at)), "") << at;
    EXPECT_EQ(pieces.join(head.substr(at)), head) << at;
  }
}

TEST(HeadPieces, PassesAWholeHeadOnWithoutACopy) {
  HeadPieces pieces;
  const std::string_view head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(pieces.join(head).data(), head.data());
}

}  // namespace
}  // namespace millrace
