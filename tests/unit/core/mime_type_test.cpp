// What of a response's Content-Type fields counts. The cases are shared with the contract's tests of both clients.
#include "millrace/core/mime_type.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "simulated_client.h"

namespace millrace::test {
namespace {

TEST(MimeType, IsThatOfTheLastValueThatIsOne) {
  const auto file = nlohmann::json::parse(std::ifstream(MILLRACE_FIXTURES "/responses/content-types.json"));
  ASSERT_GT(file.at("cases").size(), 20u);
  for (const auto& each : file.at("cases")) {
    std::string combined;
    for (const std::string field : each.at("fields")) combined += (combined.empty() ? "" : ", ") + field;
    SimulatedClient client({});
    client.start();
    const Outputs expected{each.at("stream") ? "open" : "fail: content type"};
    EXPECT_EQ(client.respond(200, combined), expected) << each.at("name") << ": " << combined;
  }
}

TEST(MimeType, HasAnEssenceAsItIsWritten) {
  EXPECT_EQ(extract_essence("text/plain, Application/Problem+JSON ;a=\"b,c/d\",*/*"), "Application/Problem+JSON");
  EXPECT_EQ(extract_essence(" \t\r\ntext/plain\r\n\t ;a"), "text/plain");
  for (const char* none :
       {"", ",", " , ", "a", "a/", "/b", "a/b c", "a b/c", "a/b/c", "\"a/b\"", ";a/b", "\"", "\"\\"}) {
    EXPECT_EQ(extract_essence(none), "") << none;
  }
  EXPECT_TRUE(is_essence("A/B", "a/b"));
  EXPECT_FALSE(is_essence("a/bc", "a/b"));
  EXPECT_FALSE(is_essence("", "a/b"));
}

}  // namespace
}  // namespace millrace::test
