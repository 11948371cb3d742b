#include "millrace/client/url.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace millrace {
namespace {

std::string complaint(std::string_view text) {
  try {
    Url::parse(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Url, SplitsIntoItsParts) {
  const Url url = Url::parse("http://Example.org:8080/events?topic=a%2Fb&x=1#part");
  EXPECT_FALSE(url.https);
  EXPECT_EQ(url.host, "example.org");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.target, "/events?topic=a%2Fb&x=1");
  EXPECT_EQ(url.authority(), "example.org:8080");
  EXPECT_EQ(url.text(), "http://example.org:8080/events?topic=a%2Fb&x=1");
}

TEST(Url, FillsInPortAndPath) {
  EXPECT_EQ(Url::parse("http://a").port, 80);
  EXPECT_EQ(Url::parse("HTTPS://a").port, 443);
  EXPECT_EQ(Url::parse("https://a:").port, 443);
  EXPECT_EQ(Url::parse("http://a").target, "/");
  EXPECT_EQ(Url::parse("http://a?q=1").target, "/?q=1");
  EXPECT_EQ(Url::parse("https://a:443/x").authority(), "a");
  EXPECT_EQ(Url::parse("http://a:443/x").authority(), "a:443");
}

TEST(Url, TakesIpv6Addresses) {
  const Url url = Url::parse("http://[::1]:81/x");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 81);
  EXPECT_EQ(url.authority(), "[::1]:81");
  EXPECT_EQ(url.origin(), "http://[::1]:81");
}

TEST(Url, EncodesWhatARequestLineCannotCarry) {
  EXPECT_EQ(Url::parse("http://a/b c?d=\xc3\xa9").target, "/b%20c?d=%C3%A9");
  EXPECT_EQ(Url::parse("http://a/100%25").target, "/100%25");
}

TEST(Url, SaysWhatIsWrong) {
  EXPECT_NE(complaint("localhost:8080/x").find("scheme"), std::string::npos) << complaint("localhost:8080/x");
  EXPECT_NE(complaint("ftp://a/").find("\"ftp\" is not supported"), std::string::npos);
  EXPECT_NE(complaint("http:a").find("missing \"//\""), std::string::npos);
  EXPECT_NE(complaint("http:///x").find("missing host"), std::string::npos);
  EXPECT_NE(complaint("http://a:0/").find("not a port"), std::string::npos);
  EXPECT_NE(complaint("http://a:65536/").find("not a port"), std::string::npos);
  EXPECT_NE(complaint("http://a:8x/").find("\"8x\" is not a port"), std::string::npos);
  EXPECT_NE(complaint("http://[::1/").find("missing ]"), std::string::npos);
  EXPECT_NE(complaint("http://[::g]/").find("not an IPv6 address"), std::string::npos);
  EXPECT_NE(complaint("http://[::1]x/").find("text after"), std::string::npos);
  EXPECT_NE(complaint("http://me:pw@a/").find("Authorization"), std::string::npos);
  EXPECT_NE(complaint("http://a b/").find("not allowed in host names"), std::string::npos);
  EXPECT_NE(complaint("http://a/\r\nX: y").find("control character"), std::string::npos);
  EXPECT_NE(complaint("").find("expected http(s)://host[:port]/path"), std::string::npos);
}

// The reference resolution examples of RFC 3986 5.4.1, as far as they concern http.
TEST(Url, ResolvesReferences) {
  const Url base = Url::parse("http://a/b/c/d;p?q");
  EXPECT_EQ(base.resolve("g").text(), "http://a/b/c/g");
  EXPECT_EQ(base.resolve("./g").text(), "http://a/b/c/g");
  EXPECT_EQ(base.resolve("g/").text(), "http://a/b/c/g/");
  EXPECT_EQ(base.resolve("/g").text(), "http://a/g");
  EXPECT_EQ(base.resolve("//g").text(), "http://g/");
  EXPECT_EQ(base.resolve("?y").text(), "http://a/b/c/d;p?y");
  EXPECT_EQ(base.resolve("g?y").text(), "http://a/b/c/g?y");
  EXPECT_EQ(base.resolve("g?y/./x").text(), "http://a/b/c/g?y/./x");
  EXPECT_EQ(base.resolve("#s").text(), "http://a/b/c/d;p?q");
  EXPECT_EQ(base.resolve("").text(), "http://a/b/c/d;p?q");
  EXPECT_EQ(base.resolve(".").text(), "http://a/b/c/");
  EXPECT_EQ(base.resolve("..").text(), "http://a/b/");
  EXPECT_EQ(base.resolve("../g").text(), "http://a/b/g");
  EXPECT_EQ(base.resolve("../../g").text(), "http://a/g");
  EXPECT_EQ(base.resolve("../../../g").text(), "http://a/g");
  EXPECT_EQ(base.resolve("https://h:1/x").text(), "https://h:1/x");
  EXPECT_THROW(base.resolve("mailto:a"), std::invalid_argument);
}

TEST(Url, EncodesQueryValues) {
  EXPECT_EQ(encode_query_value("a/b&c=d e+\xc3\xa9%"), "a/b%26c%3Dd%20e%2B%C3%A9%25");
}

}  // namespace
}  // namespace millrace
