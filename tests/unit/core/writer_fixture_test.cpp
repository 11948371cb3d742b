// The writer's fixtures, which the npm package's encode() has to keep to as well. tests/fixtures/README.md has the
// rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "millrace/core/event_stream_writer.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "transcript.h"

namespace millrace::test {
namespace {

using nlohmann::json;

std::string text_of(const json& pieces) {
  if (pieces.is_string()) return pieces.get<std::string>();
  std::string joined;
  if (pieces.is_array()) {
    for (const json& piece : pieces) joined += text_of(piece);
    return joined;
  }
  for (unsigned i = 0; i < pieces.at("repeat").get<unsigned>(); ++i) joined += text_of(pieces.at("text"));
  return joined;
}

std::string field_of(const json& event, const char* name) {
  return event.contains(name) ? text_of(event.at(name)) : std::string();
}

// The name of the field that cannot be written; empty if all can. A Duration is checked by the code that makes it of a
// number.
std::string refused_field(const json& event) {
  if (!OwnedEventType::parse(field_of(event, "type"))) return "type";
  if (!OwnedEventId::parse(field_of(event, "id"))) return "id";
  const auto retry = event.value<std::int64_t>("retry", 0);
  return retry < 0 || retry > kMaxReconnectionTime.count() ? "retry" : "";
}

std::string written(const json& event) {
  const std::string type = field_of(event, "type");
  const std::string id = field_of(event, "id");
  const std::string data = field_of(event, "data");
  std::optional<Duration> retry;
  if (event.contains("retry")) retry = Duration{event.at("retry").get<std::int64_t>()};
  std::string bytes;
  EventStreamWriter(bytes).event(
      {.type = *EventType::parse(type), .data = data, .id = *EventId::parse(id), .retry = retry});
  return bytes;
}

json cases() {
  return json::parse(std::ifstream(std::string(MILLRACE_FIXTURES) + "/writer/blocks.json")).at("cases");
}

TEST(WriterFixtures, AreWrittenByteForByteOrRefused) {
  std::size_t refused = 0;
  for (const json fixtures = cases(); const json& fixture : fixtures) {
    SCOPED_TRACE(fixture.at("name").get<std::string>());
    if (fixture.contains("comment")) {
      std::string bytes;
      EventStreamWriter(bytes).comment(text_of(fixture.at("comment")));
      EXPECT_EQ(test::quoted(bytes), test::quoted(text_of(fixture.at("bytes"))));
      continue;
    }
    const json& event = fixture.at("event");
    ASSERT_EQ(refused_field(event), fixture.value("refused", std::string()));
    if (fixture.contains("refused")) {
      ++refused;
    } else {
      EXPECT_EQ(test::quoted(written(event)), test::quoted(text_of(fixture.at("bytes"))));
    }
  }
  EXPECT_GT(refused, 0U);
}

// What the fixtures want written has to mean what went in, or both writers would be held to a mistake.
TEST(WriterFixtures, AreReadBackAsTheyWere) {
  for (const json fixtures = cases(); const json& fixture : fixtures) {
    if (!fixture.contains("event") || !fixture.contains("bytes")) continue;
    SCOPED_TRACE(fixture.at("name").get<std::string>());
    const json& event = fixture.at("event");
    std::string data = field_of(event, "data");
    for (std::size_t at = data.find("\r\n"); at != std::string::npos; at = data.find("\r\n", at + 1)) {
      data.erase(at, 1);
    }
    std::replace(data.begin(), data.end(), '\r', '\n');
    const std::string type = field_of(event, "type");
    Transcript expected;
    if (event.contains("retry")) expected.push_back(retry_entry(event.at("retry").get<std::int64_t>()));
    expected.push_back(event_entry(type.empty() ? "message" : type, data, field_of(event, "id")));
    EventStreamParser parser;
    EXPECT_EQ(read_chunks(parser, {text_of(fixture.at("bytes"))}), expected);
  }
}

}  // namespace
}  // namespace millrace::test
