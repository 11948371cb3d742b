// The parser against the reference parser, on streams of libFuzzer's making.
//
// The input's first byte says how the rest is cut into chunks: 0 whole, else the seed of random sizes. The second cuts
// the rest into two connections, at that many 256ths.
#include <cstddef>
#include <cstdint>

#include "failure.h"
#include "reference_parser.h"
#include "stream_generator.h"

using namespace millrace;
using namespace millrace::test;

namespace {

std::vector<std::string_view> cut(std::string_view stream, StreamGenerator* generator) {
  return generator == nullptr ? std::vector{stream} : generator->chunks(stream);
}

// Too large or not, and when, may not depend on the chunks.
void expect_same_limit(std::string_view stream, StreamGenerator& generator) {
  const std::size_t limit = 1 + generator.below(64);
  EventStreamParser whole("", limit);
  EventStreamParser in_chunks("", limit);
  expect_same(read_chunks(in_chunks, generator.chunks(stream)), read_chunks(whole, {stream}),
              "limit " + std::to_string(limit) + ", stream " + quoted(stream));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  const std::size_t split = stream.size() * bytes[1] / 256;
  StreamGenerator generator(bytes[0]);

  EventStreamParser parser("before");
  ReferenceParser reference("before");
  for (const std::string_view connection : {stream.substr(0, split), stream.substr(split)}) {
    parser.reset();
    const auto chunks = cut(connection, bytes[0] == 0 ? nullptr : &generator);
    expect_same(read_chunks(parser, chunks), reference.read(connection), quoted(connection));
    if (parser.last_event_id() != reference.last_event_id()) {
      stop("last event ID " + quoted(parser.last_event_id()) + " after " + quoted(connection));
    }
  }
  expect_same_limit(stream, generator);
  return 0;
}
