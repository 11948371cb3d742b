#include "routes/publish_request.h"

#include <gtest/gtest.h>

#include <string>

#include "lone_hub.h"

namespace millrace::test {
namespace {

TimePoint time_zero() {
  return TimePoint{};
}

class PublishBody : public ::testing::Test {
 protected:
  std::vector<PublishRequest> accepted(const std::string& body) {
    std::string error;
    const auto requests = parse_publish_body(body, hub_, error);
    EXPECT_TRUE(requests) << body << ": " << error;
    return requests.value_or(std::vector<PublishRequest>{});
  }
  Event first(const std::string& body) {
    kept_ = accepted(body);
    return kept_.empty() ? Event{} : kept_[0].event().value_or(Event{});
  }
  std::string refused(const std::string& body) {
    std::string error;
    EXPECT_FALSE(parse_publish_body(body, hub_, error)) << body;
    return error;
  }
  // That the error begins with the field's name.
  void expect_blamed(const std::string& field, const std::string& body) {
    EXPECT_EQ(refused(body).substr(0, field.size() + 1), field + ":") << body;
  }

  LoneHub hub_{{.history_events = 10, .history_bytes = 1024 * 1024, .epoch = "ep", .clock = time_zero}};
  std::vector<PublishRequest> kept_;
};

TEST_F(PublishBody, HasEveryField) {
  const Event event = first(R"({"topic":"a/b","data":"text","event":"created","id":"17","retry":3000})");
  EXPECT_EQ(kept_.at(0).topic().view(), "a/b");
  EXPECT_EQ(event.data, "text");
  EXPECT_EQ(event.type.view(), "created");
  EXPECT_EQ(event.id.view(), "17");
  EXPECT_EQ(event.retry, Duration{3'000});
}

TEST_F(PublishBody, MayHaveATrace) {
  constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::string parent = R"({"topic":"a","data":"","traceparent":")" + std::string(kParent) + '"';
  EXPECT_EQ(first(parent + "}").trace.parent(), kParent);
  EXPECT_EQ(first(parent + R"(,"tracestate":"a=1"})").trace.state(), "a=1");
  EXPECT_EQ(first(parent + R"(,"tracestate":""})").trace.state(), "");
  expect_blamed("traceparent", R"({"topic":"a","data":"","traceparent":"00-1"})");
  expect_blamed("traceparent", R"({"topic":"a","data":"","traceparent":7})");
  expect_blamed("tracestate", R"({"topic":"a","data":"","tracestate":"a=1"})");
  expect_blamed("tracestate", parent + R"(,"tracestate":"A=1"})");
}

TEST_F(PublishBody, NeedsOnlyTopicAndData) {
  const Event event = first("\r\n {\n\t\"topic\":\n \"a\",\n \"data\": \"\"}\n\n");
  EXPECT_EQ(event.data, "");
  EXPECT_TRUE(event.id.empty());
  EXPECT_TRUE(event.type.view().empty());
  EXPECT_FALSE(event.retry);
}

TEST_F(PublishBody, OtherJsonThanAStringIsSentCompact) {
  EXPECT_EQ(first(R"({"topic":"a","data":{"b": [1, 2.5, null, "ü"], "a": true}})").data,
            "{\"a\":true,\"b\":[1,2.5,null,\"\xc3\xbc\"]}");
  EXPECT_EQ(first(R"({"topic":"a","data":null})").data, "null");
  EXPECT_EQ(first(R"({"topic":"a","data":0})").data, "0");
  EXPECT_EQ(first(R"({"topic":"a","data":"null"})").data, "null");
}

TEST_F(PublishBody, DataMayHoldAnyText) {
  EXPECT_EQ(first(R"({"topic":"a","data":"one\r\ntwo\u0000\ud83d\ude00"})").data,
            std::string("one\r\ntwo\0\xf0\x9f\x98\x80", 13));
}

TEST_F(PublishBody, LinesAreEventsOfTheirOwn) {
  const auto requests =
      accepted("{\"topic\":\"a\",\"data\":1}\n\r\n{\"topic\":\"b\",\"data\":2}\r\n{\"topic\":\"c\",\"data\":3}");
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[2].topic().view(), "c");
  EXPECT_EQ(requests[2].event()->data, "3");
}

TEST_F(PublishBody, FinishesATopicWithOrWithoutALastEvent) {
  const auto with = accepted(R"({"topic":"a","data":"last","finish":true})");
  ASSERT_EQ(with.size(), 1u);
  EXPECT_TRUE(with[0].finishes());
  EXPECT_TRUE(with[0].event());
  const auto without = accepted(R"({"topic":"a","finish":true})");
  ASSERT_EQ(without.size(), 1u);
  EXPECT_FALSE(without[0].event());
  expect_blamed("data", R"({"topic":"a","finish":false})");
  expect_blamed("finish", R"({"topic":"a","finish":"yes"})");
}

TEST_F(PublishBody, NamesTheFieldThatIsWrong) {
  expect_blamed("topic", R"({"data":"x"})");
  expect_blamed("topic", R"({"topic":7,"data":"x"})");
  for (const char* topic : {"", "*", "a/*", "**", "a\\nb", "a\\u0000"}) {
    expect_blamed("topic", R"({"topic":")" + std::string(topic) + R"(","data":"x"})");
  }
  expect_blamed("topic", R"({"topic":")" + std::string(kMaxTopicBytes + 1, 'a') + R"(","data":"x"})");
  expect_blamed("data", R"({"topic":"a"})");
  for (const char* text : {"a\\rb", "a\\nb", "a\\u0000b", "\\n", "\\r\\n"}) {
    expect_blamed("event", R"({"topic":"a","data":"x","event":")" + std::string(text) + "\"}");
    expect_blamed("id", R"({"topic":"a","data":"x","id":")" + std::string(text) + "\"}");
  }
  expect_blamed("event", R"({"topic":"a","data":"x","event":")" + std::string(kMaxEventTypeBytes + 1, 'a') + "\"}");
  expect_blamed("id", R"({"topic":"a","data":"x","id":")" + std::string(kMaxEventIdBytes + 1, 'a') + "\"}");
  expect_blamed("event", R"({"topic":"a","data":"x","event":null})");
  expect_blamed("event", R"({"topic":"a","data":"x","event":"millrace.gap"})");
  expect_blamed("id", R"({"topic":"a","data":"x","id":12})");
  expect_blamed("id", R"({"topic":"a","data":"x","id":""})");
  expect_blamed("id", R"({"topic":"a","data":"x","id":"earliest"})");
  expect_blamed("id", R"({"topic":"a","data":"x","id":"ep-5"})");
  for (const char* retry : {"-1", "1.5", "\"1000\"", "null", "2147483648", "18446744073709551616", "true", "[]"}) {
    expect_blamed("retry", R"({"topic":"a","data":"x","retry":)" + std::string(retry) + "}");
  }
  first(R"({"topic":"a","data":"x","retry":2147483647})");
}

TEST_F(PublishBody, NamesAnUnknownField) {
  EXPECT_NE(refused(R"({"topic":"a","data":"x","tpoic":"b"})").find("\"tpoic\""), std::string::npos);
}

TEST_F(PublishBody, AFieldGivenTwiceIsRefused) {
  // It is not clear which of the two was meant.
  EXPECT_NE(refused(R"({"topic":"a","data":"x","topic":"b"})").find("topic"), std::string::npos);
}

TEST_F(PublishBody, WhatIsNoJsonObjectIsRefused) {
  for (const char* body :
       {"", " ", "\n\n", "{", "}", "null", "[]", "7", "\"text\"", "topic=a&data=x", "{'topic':'a'}",
        "{\"topic\":\"a\",\"data\":\"x\"", "{\"topic\":\"a\",\"data\":\"x\"}}", "\xff\xfe",
        "{\"topic\":\"a\",\"data\":\"\xff\"}", "{\"topic\":\"a\",\"data\":\"\\ud800\"}",
        "{\"topic\":\"a\",\"data\":NaN}", "{\"topic\":\"a\",\"data\":1e999}", "[{\"topic\":\"a\",\"data\":\"x\"}]"}) {
    EXPECT_FALSE(refused(body).empty()) << body;
  }
}

TEST_F(PublishBody, DeepNestingIsRefused) {
  const auto nested = [](int levels, char open, char close) {
    return R"({"topic":"a","data":)" + std::string(levels, open) + std::string(levels, close) + "}";
  };
  accepted(nested(kMaxJsonDepth - 1, '[', ']'));
  EXPECT_NE(refused(nested(kMaxJsonDepth + 1, '[', ']')).find("deep"), std::string::npos);
  EXPECT_NE(refused(R"({"topic":"a","data":)" + std::string(500'000, '[')).find("deep"), std::string::npos);
}

TEST_F(PublishBody, OneBadLineRefusesAllAndIsNamed) {
  const std::string good = R"({"topic":"a","data":1})";
  const std::string error = refused(good + "\n" + good + "\n" + R"({"topic":"a","data":1,"id":""})" + "\n" + good);
  EXPECT_EQ(error.substr(0, 11), "line 3: id:") << error;
  EXPECT_EQ(refused(good + "\nnonsense").substr(0, 7), "line 2:");
}

TEST_F(PublishBody, ABadFirstLineIsNamedToo) {
  const std::string good = R"({"topic":"a","data":1})";
  EXPECT_EQ(refused("{\"topic\":\"\",\"data\":1}\n" + good).substr(0, 14), "line 1: topic:");
}

}  // namespace
}  // namespace millrace::test
