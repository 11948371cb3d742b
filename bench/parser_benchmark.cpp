// How fast the parser reads, beside a loop that only looks for the line ends of the same bytes: its floor.
//
// Single figures drift with the machine; the ratio of two of the same run says more. bench/README.md has the reading.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "millrace/core/event_stream_parser.h"

namespace {

using millrace::EventStreamParser;

constexpr std::size_t kStreamBytes = 1024 * 1024;
constexpr std::size_t kChunkBytes = 16 * 1024;  // what a socket hands over at a time

std::string repeated(const std::string& block, const std::string& more_with_id = {}) {
  std::string stream;
  for (std::size_t i = 0; stream.size() < kStreamBytes; ++i) {
    if (!more_with_id.empty()) stream += more_with_id + std::to_string(100'000 + i) + "\n";
    stream += block;
  }
  return stream;
}

// Events of a language model's answer, of 50 bytes.
const std::string kTokens = repeated("data: {\"choices\":[{\"delta\":{\"content\":\" mill\"}}]}\n\n");
const std::string kTokensWithIds =
    repeated("data: {\"choices\":[{\"delta\":{\"content\":\" mill\"}}]}\n\n", "id: k3f9-");
const std::string kTokensCrlf = repeated("data: {\"choices\":[{\"delta\":{\"content\":\" mill\"}}]}\r\n\r\n");
const std::string kTokensInGerman = repeated("data: {\"choices\":[{\"delta\":{\"content\":\" Mühle\"}}]}\n\n");
const std::string kLarge = repeated("data: " + std::string(64 * 1024, 'x') + "\n\n");
const std::string kManyLines = repeated("event: quote\ndata: {\ndata:   \"price\": 17.25\ndata: }\n\n");

// The bytes of a whole stream again and again, `chunk_bytes` at a time.
template <typename Read>
void read_in_chunks(benchmark::State& state, const std::string& stream, std::size_t chunk_bytes, Read read) {
  std::size_t items = 0;
  for (auto _ : state) {
    for (std::size_t at = 0; at < stream.size(); at += chunk_bytes) {
      items += read(std::string_view(stream.data() + at, std::min(chunk_bytes, stream.size() - at)));
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(stream.size() * state.iterations()));
  state.SetItemsProcessed(static_cast<std::int64_t>(items));
}

void parse(benchmark::State& state, const std::string& stream, std::size_t chunk_bytes) {
  EventStreamParser parser;
  read_in_chunks(state, stream, chunk_bytes, [&](std::string_view chunk) {
    std::size_t events = 0;
    parser.feed(chunk);
    for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next()) {
      benchmark::DoNotOptimize(parser.event().data.data());
      ++events;
    }
    return events;
  });
}

// Nothing but memchr from line end to line end.
void find_lines(benchmark::State& state, const std::string& stream, std::size_t chunk_bytes) {
  read_in_chunks(state, stream, chunk_bytes, [](std::string_view chunk) {
    std::size_t lines = 0;
    const char* at = chunk.data();
    const char* const end = at + chunk.size();
    while (const void* line_end = std::memchr(at, '\n', static_cast<std::size_t>(end - at))) {
      at = static_cast<const char*>(line_end) + 1;
      benchmark::DoNotOptimize(at);
      ++lines;
    }
    return lines;
  });
}

BENCHMARK_CAPTURE(parse, tokens, kTokens, kChunkBytes);
BENCHMARK_CAPTURE(find_lines, tokens, kTokens, kChunkBytes);
BENCHMARK_CAPTURE(parse, tokens_with_ids, kTokensWithIds, kChunkBytes);
BENCHMARK_CAPTURE(find_lines, tokens_with_ids, kTokensWithIds, kChunkBytes);
BENCHMARK_CAPTURE(parse, tokens_crlf, kTokensCrlf, kChunkBytes);
BENCHMARK_CAPTURE(find_lines, tokens_crlf, kTokensCrlf, kChunkBytes);
BENCHMARK_CAPTURE(parse, tokens_beyond_ascii, kTokensInGerman, kChunkBytes);
BENCHMARK_CAPTURE(parse, events_of_many_lines, kManyLines, kChunkBytes);
BENCHMARK_CAPTURE(find_lines, events_of_many_lines, kManyLines, kChunkBytes);
BENCHMARK_CAPTURE(parse, events_of_64_KiB, kLarge, kChunkBytes);
BENCHMARK_CAPTURE(find_lines, events_of_64_KiB, kLarge, kChunkBytes);
BENCHMARK_CAPTURE(parse, tokens_in_chunks_of_one_byte, kTokens, std::size_t{1});
BENCHMARK_CAPTURE(find_lines, tokens_in_chunks_of_one_byte, kTokens, std::size_t{1});

}  // namespace
