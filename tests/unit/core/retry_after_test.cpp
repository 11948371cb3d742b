#include "millrace/core/retry_after.h"

#include <gtest/gtest.h>

#include "millrace/core/limits.h"

namespace millrace::test {
namespace {

constexpr std::int64_t kExample = 784'111'777;  // RFC 9110's own example, in its three forms

TEST(HttpDate, HasThreeForms) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kExample);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:60 GMT"), 1'709'251'200);
  EXPECT_EQ(parse_http_date("Saturday, 06-Nov-32 08:49:37 GMT"), 1'983'343'777);
}

TEST(HttpDate, IsNothingElse) {
  for (const char* text :
       {"", "tomorrow", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 -8:49:37 GMT", "Sun, 06 N"}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
}

TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(parse_retry_after("0", std::nullopt), Duration{0});
  EXPECT_EQ(parse_retry_after("120", std::nullopt), Duration{120'000});
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kExample - 90), Duration{90'000});
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kExample + 1), Duration{0});
}

TEST(RetryAfter, IsCutToWhatATimerHolds) {
  EXPECT_EQ(parse_retry_after("2147484", std::nullopt), kMaxReconnectionTime);
  EXPECT_EQ(parse_retry_after("99999999999999999999999", std::nullopt), kMaxReconnectionTime);
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kExample), kMaxReconnectionTime);
}

TEST(RetryAfter, HasItsSecondsInCommonWithOtherHeaders) {
  EXPECT_EQ(parse_seconds("15"), Duration{15'000});
  EXPECT_EQ(parse_seconds("0"), Duration{0});
  EXPECT_EQ(parse_seconds("99999999999999999999999"), kMaxReconnectionTime);
  for (const char* value : {"", "-1", "1.5", "+1", " 1", "15s"}) EXPECT_EQ(parse_seconds(value), std::nullopt) << value;
}

TEST(RetryAfter, IsIgnoredWhereItSaysNothing) {
  for (const char* value : {"", "-1", "1.5", "+1", " 1", "soon"}) {
    EXPECT_EQ(parse_retry_after(value, kExample), std::nullopt) << value;
  }
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", std::nullopt), std::nullopt) << "no present, no wait";
}

}  // namespace
}  // namespace millrace::test
