// Bytes off a connection, cut anywhere: the intake says the same of them however they are cut, and a head that it lets
// through is one that no parser can read in another way.
//
// The input's first byte is the seed of the cuts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "failure.h"
#include "http/request_intake.h"
#include "stream_generator.h"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr std::size_t kMaxHeadBytes = 2048;

struct Verdict {
  RequestIntake::Progress progress = RequestIntake::Progress::kNothing;
  int status = 0;
  std::string input = {};
  RequestHead head = {};
};

Verdict judge(const std::vector<std::string_view>& chunks) {
  RequestIntake intake;
  Verdict verdict;
  for (const std::string_view chunk : chunks) {
    intake.append(chunk);
    verdict.progress = intake.advance(kMaxHeadBytes);
    if (verdict.progress == RequestIntake::Progress::kRefused) verdict.status = intake.error().status;
    if (verdict.progress == RequestIntake::Progress::kWhole) {
      verdict.head = intake.head();
      verdict.input = intake.input();
    }
    if (verdict.progress >= RequestIntake::Progress::kWhole) break;
  }
  return verdict;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Reads the head as simply as can be, line by line, and stops at what another reader could take for something else.
void expect_unambiguous(const Verdict& verdict) {
  const std::string head = verdict.input.substr(0, verdict.head.bytes);
  if (!head.ends_with("\r\n\r\n") || head.find("\r\n\r\n") + 4 != head.size()) stop("does not end where it ends");
  std::size_t lengths = 0;
  std::size_t hosts = 0;
  std::size_t encodings = 0;
  for (std::size_t begin = 0, number = 0; begin + 2 < head.size(); ++number) {
    const std::size_t end = head.find("\r\n", begin);
    const std::string line = head.substr(begin, end - begin);
    begin = end + 2;
    if (line.find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
      stop("a bare line end or NUL in " + quoted(line));
    if (number == 0) {
      if (std::count(line.begin(), line.end(), ' ') != 2) stop("an ambiguous request line: " + quoted(line));
      continue;
    }
    std::string name = line.substr(0, line.find(':'));
    if (name.empty() || name.size() == line.size() || name.find_first_of(" \t") != std::string::npos) {
      stop("an ambiguous field: " + quoted(line));
    }
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (name == "transfer-encoding") ++encodings;
    if (name == "host") ++hosts;
    if (name != "content-length") continue;
    std::string value = line.substr(name.size() + 1);
    value.erase(0, value.find_first_not_of(" \t"));
    value.erase(value.find_last_not_of(" \t") + 1);
    if (!is_digits(value) || std::stoull(value) != verdict.head.content_length) stop("another length: " + quoted(line));
    ++lengths;
  }
  if (hosts > 1 || (hosts == 0 && !verdict.head.http_1_0)) stop("no host, or two");
  if (encodings > 1 || (encodings == 1) != verdict.head.chunked) stop("another coding than the head's");
  if (encodings > 0 && lengths > 0) stop("two framings");
  if (lengths == 0 && verdict.head.content_length != 0) stop("a length from nowhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  StreamGenerator generator(bytes[0]);
  const Verdict whole = judge({stream});
  for (const auto& chunks : {generator.chunks(stream), chunks_of(stream, 1)}) {
    const Verdict cut = judge(chunks);
    // A head that is refused whole may be refused, cut, for being too large before it is read; no other way round.
    if (cut.progress != whole.progress) stop("judged otherwise when cut: " + quoted(stream));
    if (cut.status != whole.status && cut.status != 431) stop("another status when cut: " + quoted(stream));
    if (cut.progress != RequestIntake::Progress::kWhole) continue;
    if (cut.head.bytes != whole.head.bytes || cut.head.content_length != whole.head.content_length ||
        cut.head.last_event_id != whole.head.last_event_id || cut.head.chunked != whole.head.chunked) {
      stop("another head when cut: " + quoted(stream));
    }
  }
  if (whole.progress == RequestIntake::Progress::kWhole) expect_unambiguous(whole);
  return 0;
}
