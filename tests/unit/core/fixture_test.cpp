// The shared fixtures, against the parser and against the reference parser.
#include "fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include "reference_parser.h"
#include "stream_generator.h"

namespace millrace::test {
namespace {

using Cut = std::function<std::vector<std::string_view>(std::string_view)>;

// Reads all connections of a fixture, each stream cut up by `cut`.
void expect_fixture(const Fixture& fixture, const Cut& cut) {
  EventStreamParser parser(fixture.initial_last_event_id);
  bool first = true;
  for (const Fixture::Connection& connection : fixture.connections) {
    if (!first) parser.reset();
    first = false;
    EXPECT_EQ(read_chunks(parser, cut(connection.stream)), connection.expected);
    EXPECT_EQ(parser.last_event_id(), connection.last_event_id);
  }
}

// The positions at which a stream is cut in two: all, or for long streams those at both ends and 1,600 between.
std::set<std::size_t> cut_positions(std::size_t size) {
  constexpr std::size_t kAllUpTo = 2'000;
  constexpr std::size_t kAtEachEnd = 200;
  constexpr std::size_t kBetween = 1'600;
  std::set<std::size_t> positions;
  if (size <= kAllUpTo) {
    for (std::size_t at = 0; at <= size; ++at) positions.insert(at);
    return positions;
  }
  for (std::size_t at = 0; at <= kAtEachEnd; ++at) positions.insert({at, size - at});
  for (std::size_t i = 0; i < kBetween; ++i) positions.insert(kAtEachEnd + i * (size - 2 * kAtEachEnd) / kBetween);
  return positions;
}

class EventStreamFixture : public testing::TestWithParam<Fixture> {};

TEST_P(EventStreamFixture, Whole) {
  expect_fixture(GetParam(), [](std::string_view stream) { return std::vector{stream}; });
}

TEST_P(EventStreamFixture, InSmallChunks) {
  for (const std::size_t size : {1, 2, 3, 7}) {
    SCOPED_TRACE("bytes a chunk: " + std::to_string(size));
    expect_fixture(GetParam(), [&](std::string_view stream) { return chunks_of(stream, size); });
    if (HasFailure()) return;
  }
}

TEST_P(EventStreamFixture, CutInTwoAnywhere) {
  std::set<std::size_t> positions;
  for (const auto& connection : GetParam().connections) positions.merge(cut_positions(connection.stream.size()));
  for (const std::size_t at : positions) {
    SCOPED_TRACE("cut at byte " + std::to_string(at));
    expect_fixture(GetParam(), [&](std::string_view stream) {
      const std::size_t head = std::min(at, stream.size());
      return std::vector{stream.substr(0, head), stream.substr(head)};
    });
    if (HasFailure()) return;
  }
}

TEST_P(EventStreamFixture, InRandomChunks) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    StreamGenerator generator(seed);
    expect_fixture(GetParam(), [&](std::string_view stream) { return generator.chunks(stream); });
    if (HasFailure()) return;
  }
}

// The oracle itself has to agree with the fixtures, or it is worth nothing.
TEST_P(EventStreamFixture, ByTheReferenceParser) {
  ReferenceParser reference(GetParam().initial_last_event_id);
  for (const Fixture::Connection& connection : GetParam().connections) {
    EXPECT_EQ(reference.read(connection.stream), connection.expected);
    EXPECT_EQ(reference.last_event_id(), connection.last_event_id);
  }
}

std::string test_name(const testing::TestParamInfo<Fixture>& info) {
  std::string name = info.param.file + "_" + info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, EventStreamFixture, testing::ValuesIn(load_fixtures(MILLRACE_FIXTURES)), test_name);

TEST(Fixtures, CoverEverySubject) {
  std::set<std::string> files;
  for (const Fixture& fixture : load_fixtures(MILLRACE_FIXTURES)) files.insert(fixture.file);
  const std::set<std::string> wanted{"byte-order-mark", "comments", "connections",   "data",      "end-of-stream",
                                     "event-type",      "fields",   "last-event-id", "line-ends", "retry",
                                     "topic",           "trace",    "utf-8"};
  EXPECT_EQ(files, wanted);
}

}  // namespace
}  // namespace millrace::test
