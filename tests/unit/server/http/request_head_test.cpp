#include "http/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

std::string head_with(const std::string& fields, const std::string& request_line = "POST /events HTTP/1.1") {
  return request_line + "\r\nHost: x\r\n" + fields + "\r\n";
}

RequestHead accepted(const std::string& text) {
  RequestError error;
  const auto head = parse_request_head(text, error);
  EXPECT_TRUE(head) << text << ": " << error.sentence;
  return head.value_or(RequestHead{});
}

int refused(const std::string& text) {
  RequestError error;
  const auto head = parse_request_head(text, error);
  EXPECT_FALSE(head) << text;
  EXPECT_FALSE(error.sentence.empty()) << text;
  return error.status;
}

TEST(RequestHead, KnowsWhereARequestEnds) {
  const std::string text = head_with("Content-Length: 17\r\n");
  const RequestHead head = accepted(text);
  EXPECT_EQ(head.bytes, text.size());
  EXPECT_EQ(head.content_length, 17u);
  EXPECT_FALSE(head.chunked);
  EXPECT_FALSE(head.http_1_0);
  EXPECT_FALSE(head.expects_continue);
}

TEST(RequestHead, ARequestWithoutFieldsHasNoBody) {
  const RequestHead head = accepted("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_FALSE(head.chunked);
}

TEST(RequestHead, FieldNamesAndChunkedAreCaseInsensitive) {
  EXPECT_EQ(accepted(head_with("cOnTeNt-LeNgTh:5\r\n")).content_length, 5u);
  EXPECT_TRUE(accepted(head_with("transfer-ENCODING: \t CHUNKED \t\r\n")).chunked);
  EXPECT_TRUE(accepted(head_with("expect: 100-Continue\r\n")).expects_continue);
  EXPECT_TRUE(accepted(head_with("Expect: 100-continue\r\nExpect: more\r\n")).expects_continue)
      << "an unknown expectation changes nothing";
}

TEST(RequestHead, EqualLengthsGivenTwiceAreOneLength) {
  EXPECT_EQ(accepted(head_with("Content-Length: 5\r\nContent-Length: 5\r\n")).content_length, 5u);
}

TEST(RequestHead, RefusesLengthsThatTwoParsersCouldReadInTwoWays) {
  EXPECT_EQ(refused(head_with("Content-Length: 5\r\nContent-Length: 6\r\n")), 400);
  for (const char* value : {"", "+5", "-5", "5, 5", "5 5", "0x5", "5;", "1e2", "18446744073709551616", "five", "%35"}) {
    EXPECT_EQ(refused(head_with("Content-Length: " + std::string(value) + "\r\n")), 400) << value;
  }
}

TEST(RequestHead, RefusesALengthThatWouldOverflowItsOwnArithmetic) {
  // Head and body together must be countable.
  EXPECT_EQ(refused(head_with("Content-Length: 18446744073709551615\r\n")), 400);
}

TEST(RequestHead, RefusesTwoFramings) {
  EXPECT_EQ(refused(head_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refused(head_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), 400);
  EXPECT_EQ(refused(head_with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")), 400);
}

TEST(RequestHead, RefusesOtherTransferEncodings) {
  for (const char* value : {"gzip", "gzip, chunked", "chunked, chunked", "identity", "", "chunked;q=1", "xchunked",
                            "\x0b"
                            "chunked",
                            "\"chunked\""}) {
    EXPECT_EQ(refused(head_with("Transfer-Encoding: " + std::string(value) + "\r\n")), 501) << value;
  }
  EXPECT_EQ(refused(head_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 501);
}

TEST(RequestHead, RefusesBareLineEndsAndNul) {
  using namespace std::string_literals;
  for (const std::string& evil :
       {"A: b\nContent-Length: 5\r\n"s, "A: b\rContent-Length: 5\r\n"s, "A: b\0c\r\n"s, "A: b\r\r\n"s, "A\n: b\r\n"s}) {
    EXPECT_EQ(refused(head_with(evil)), 400) << ::testing::PrintToString(evil);
  }
  EXPECT_EQ(refused("GET /\n HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
  EXPECT_EQ(refused("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"s), 400);
}

TEST(RequestHead, RefusesFoldedLinesAndNamesThatAreNone) {
  for (const char* field : {" folded: x", "\tfolded: x", "Content-Length : 5", "Content-Length\t: 5", ": empty",
                            "no colon at all", "na me: x", "n\xc3\xa4me: x", "a(b): x"}) {
    EXPECT_EQ(refused(head_with("A: b\r\n" + std::string(field) + "\r\n")), 400) << field;
  }
}

// Its 405 names the methods of the path, which the parser does not know.
TEST(RequestHead, LetsTraceThroughAsTheLastRequest) {
  EXPECT_TRUE(accepted("TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n").closes);
}

TEST(RequestHead, RefusesLinesThatAreTooLong) {
  const std::string longest(kMaxRequestLineBytes - 2 - 3, 'x');
  accepted(head_with("A: " + longest + "\r\n"));
  EXPECT_EQ(refused(head_with("A: " + longest + "x\r\n")), 431);
  const std::string path(kMaxRequestLineBytes - 2 - std::string("GET  HTTP/1.1").size(), '/');
  accepted("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(refused("GET " + path + "/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414);
}

TEST(RequestHead, KnowsHttp10) {
  EXPECT_TRUE(accepted("GET / HTTP/1.0\r\n\r\n").http_1_0);
  EXPECT_FALSE(accepted("GET /?HTTP/1.0 HTTP/1.1\r\nHost: localhost\r\n\r\n").http_1_0);
}

TEST(RequestHead, TakesLastEventIdByteForByte) {
  EXPECT_EQ(accepted(head_with("Last-Event-ID: %41+b %\r\n")).last_event_id, "%41+b %");
  EXPECT_EQ(accepted(head_with("last-event-id:\t\xc3\xa9\xe2\x82\xac \xff \r\n")).last_event_id,
            "\xc3\xa9\xe2\x82\xac \xff");
  EXPECT_EQ(accepted(head_with("Last-Event-ID:\r\n")).last_event_id, "");
  EXPECT_EQ(accepted(head_with("X-Last-Event-ID: 5\r\n")).last_event_id, "");
}

TEST(RequestHead, FindsItsEndWhereverTheInputIsCut) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\r\nGET /next";
  const std::size_t end = whole.find("\r\n\r\n") + 4;
  for (std::size_t cut = 0; cut < end; ++cut) {
    EXPECT_EQ(find_head_end(whole.substr(0, cut), 0), std::string::npos) << cut;
    EXPECT_EQ(find_head_end(whole, cut), end) << cut;
  }
}

}  // namespace
}  // namespace millrace::test
