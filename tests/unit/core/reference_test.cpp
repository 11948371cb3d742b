// Random streams: the parser says what the reference parser says, however the bytes are cut up.
#include <gtest/gtest.h>

#include <cstdlib>

#include "reference_parser.h"
#include "stream_generator.h"

namespace millrace::test {
namespace {

// Another stretch of streams is tried with MILLRACE_TEST_SEED=<number>.
std::uint64_t first_seed() {
  const char* const given = std::getenv("MILLRACE_TEST_SEED");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

TEST(ReferenceParserAgrees, OnRandomStreams) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 20'000; ++seed) {
    StreamGenerator generator(seed);
    const std::string last_event_id = generator.below(2) == 0 ? "" : "before";
    EventStreamParser parser(last_event_id);
    ReferenceParser reference(last_event_id);
    const std::size_t connections = 1 + generator.below(3);
    for (std::size_t i = 0; i < connections; ++i) {
      if (i > 0) parser.reset();
      const std::string stream = generator.stream();
      const auto chunks = generator.below(5) == 0 ? std::vector<std::string_view>{stream} : generator.chunks(stream);
      ASSERT_EQ(read_chunks(parser, chunks), reference.read(stream)) << "seed " << seed << ", " << quoted(stream);
      ASSERT_EQ(parser.last_event_id(), reference.last_event_id()) << "seed " << seed << ", " << quoted(stream);
    }
  }
}

// Where the limit strikes is a matter of the bytes, not of the chunks they come in.
TEST(TheLimit, StrikesAtTheSameOutputHoweverTheBytesAreCut) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 20'000; ++seed) {
    StreamGenerator generator(seed);
    const std::size_t limit = 1 + generator.below(60);
    const std::string stream = generator.stream();
    EventStreamParser whole("", limit);
    const Transcript expected = read_chunks(whole, {stream});
    EventStreamParser cut("", limit);
    ASSERT_EQ(read_chunks(cut, generator.chunks(stream)), expected)
        << "seed " << seed << ", limit " << limit << ", " << quoted(stream);
    EventStreamParser in_bytes("", limit);
    ASSERT_EQ(read_chunks(in_bytes, chunks_of(stream, 1)), expected)
        << "seed " << seed << ", limit " << limit << ", " << quoted(stream);
    ASSERT_EQ(cut.last_event_id(), whole.last_event_id()) << "seed " << seed;
  }
}

// As long as nothing is too large, the limit changes nothing.
TEST(TheLimit, LeavesWhatIsBeforeItAlone) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 5'000; ++seed) {
    StreamGenerator generator(seed);
    const std::string stream = generator.stream();
    EventStreamParser limited("", 1 + generator.below(60));
    Transcript transcript = read_chunks(limited, generator.chunks(stream));
    Transcript expected = ReferenceParser().read(stream);
    if (!transcript.empty() && transcript.back() == too_large_entry()) {
      transcript.pop_back();
      ASSERT_LE(transcript.size(), expected.size()) << "seed " << seed;
      expected.resize(transcript.size());
    }
    ASSERT_EQ(transcript, expected) << "seed " << seed << ", " << quoted(stream);
  }
}

}  // namespace
}  // namespace millrace::test
