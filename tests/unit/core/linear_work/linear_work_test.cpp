// Twice the bytes are twice the work, for any content and any size of the chunks.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_stream_parser.h"
#include "work_counter.h"

namespace millrace::test {
namespace {

std::uint64_t work_of_reading(const std::string& stream, std::size_t chunk_size) {
  EventStreamParser parser;
  const std::uint64_t before = work_done();
  for (std::size_t at = 0; at < stream.size(); at += chunk_size) {
    parser.feed({stream.data() + at, std::min(chunk_size, stream.size() - at)});
    while (parser.next() != EventStreamParser::Item::kNeedMore) {
    }
  }
  return work_done() - before;
}

std::string repeated(std::string_view text, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += text;
  return out;
}

struct Shape {
  std::string name;
  std::function<std::string(std::size_t)> stream;  // of about so many bytes
};

// How GoogleTest names a shape in its messages.
void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.name;
}

const std::vector<Shape> kShapes{
    {"OneLongDataLine", [](std::size_t n) { return "data: " + std::string(n, 'x') + "\n\n"; }},
    {"OneDataLineNeverEnded", [](std::size_t n) { return "data: " + std::string(n, 'x'); }},
    {"OneLongDataLineBehindAShortOne", [](std::size_t n) { return "data: a\ndata: " + std::string(n, 'x') + "\n\n"; }},
    {"OneEventOfManyLines", [](std::size_t n) { return repeated("data: abcd\r\n", n) + "\r\n"; }},
    {"OneEventOfEmptyLines", [](std::size_t n) { return repeated("data\r", n) + "\r"; }},
    {"ManyEvents", [](std::size_t n) { return repeated("id: 1\nevent: x\ndata: abcd\n\n", n); }},
    {"ManyEmptyLines", [](std::size_t n) { return std::string(n, '\n'); }},
    {"ManyCarriageReturns", [](std::size_t n) { return std::string(n, '\r'); }},
    {"OneLongComment", [](std::size_t n) { return std::string(":").append(n, 'x') + "\n"; }},
    {"OneLongId", [](std::size_t n) { return "id: " + std::string(n, 'x') + "\n\n"; }},
    {"AnIdThatStays", [](std::size_t n) { return "id: 1\n\n" + repeated("data\n\n", n); }},
    {"ManyEventsBehindOneLongId",
     [](std::size_t n) { return "id: " + std::string(n / 2, 'x') + "\n\n" + repeated("data\n\n", n / 2); }},
    {"ManyEmptyLinesBehindOneLongId",
     [](std::size_t n) { return "id: " + std::string(n / 2, 'x') + "\n" + std::string(n / 2, '\n'); }},
    {"OneLongType", [](std::size_t n) { return "event: " + std::string(n, 'x') + "\ndata\n\n"; }},
    {"OneLongRetry", [](std::size_t n) { return "retry: " + std::string(n, '9') + "\n"; }},
    {"OneLongUnknownName", [](std::size_t n) { return std::string(n, 'x') + "\n"; }},
    {"OneLongNameThatBeginsWithData", [](std::size_t n) { return "data" + std::string(n, 'x') + "\n"; }},
    {"OneLongLineOfColons", [](std::size_t n) { return std::string(n, ':') + "\n"; }},
    {"IllFormedData",
     [](std::size_t n) {
       return "data: " +
              repeated(
                  "\xE2\x82"
                  "a\xFF",
                  n) +
              "\n\n";
     }},
    {"IllFormedDataOfManyLines", [](std::size_t n) { return repeated("data: \xC3\n", n) + "\n"; }},
};

class LinearWork : public testing::TestWithParam<Shape> {};

TEST_P(LinearWork, OfTheBytesRead) {
  constexpr std::size_t kBytes = 100'000;
  const std::string once = GetParam().stream(kBytes);
  const std::string twice = GetParam().stream(2 * kBytes);
  for (const std::size_t chunk_size : {1, 2, 7, 4096, 1'000'000}) {
    const std::uint64_t work = work_of_reading(once, chunk_size);
    const std::uint64_t work_of_twice = work_of_reading(twice, chunk_size);
    // A buffer that doubles has just been copied in the one run and not in the other: hence more than 2.0.
    EXPECT_LE(work_of_twice, work * 5 / 2) << "chunks of " << chunk_size << ": " << work << " and " << work_of_twice;
    EXPECT_LE(work, once.size() * 60) << "chunks of " << chunk_size;
    EXPECT_GE(work, once.size() / 16) << "the count does not count";
  }
}

std::string shape_name(const testing::TestParamInfo<Shape>& shape) {
  return shape.param.name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, LinearWork, testing::ValuesIn(kShapes), shape_name);

TEST(EventStreamParser, DoesNotPayForALargeEventEverAfter) {
  const std::string event = "id: 1\nevent: x\ndata: abcd\n\n";
  const std::uint64_t one = work_of_reading(repeated(event, 30'000), 4096);
  const std::uint64_t behind_a_large_one =
      work_of_reading("data: " + std::string(1'000'000, 'x') + "\n\n" + repeated(event, 30'000), 4096) -
      work_of_reading("data: " + std::string(1'000'000, 'x') + "\n\n", 4096);
  EXPECT_LE(behind_a_large_one, one * 11 / 10);
}

}  // namespace
}  // namespace millrace::test
