// The C interface of the WebAssembly module, built natively: calls in any order on sources and parsers, as many as
// there are, with any input. Every batch must be well-formed, and nothing may be read that is not there.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../../client-wasm/src/abi.cpp"
#include "failure.h"

namespace {

using namespace millrace;

// The input, byte by byte; zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  bool is_empty() const { return at_ >= size_; }
  std::uint8_t byte() { return is_empty() ? 0 : bytes_[at_++]; }
  /// Puts the next bytes where the module wants them; returns how many.
  std::uint32_t give() {
    const std::uint32_t bytes = byte();
    char* const place = ::input(bytes);
    for (std::uint32_t i = 0; i < bytes; ++i) place[i] = static_cast<char>(byte());
    return bytes;
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
  std::size_t at_ = 0;
};

std::size_t length(std::uint32_t bytes) {
  return bytes == kUnchanged ? 0 : bytes;
}

// The texts of the records follow one another and fill the batch's text.
void expect_whole(const Batch* batch, bool in_utf16) {
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < batch->count; ++i) {
    const Record& record = batch->records[i];
    if (record.kind == Kind::kEvent || record.kind == Kind::kLastEventId || record.kind == Kind::kComment) {
      bytes += length(record.type) + length(record.data) + length(record.last_event_id);
    }
  }
  if (in_utf16 ? bytes > batch->text_bytes : bytes != batch->text_bytes) test::stop("a batch whose lengths are wrong");
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < batch->text_bytes; ++i) sum += static_cast<unsigned char>(batch->text[i]);
  if (sum == UINT64_MAX) test::stop("never");  // the text has been read
}

void check(const Batch* batch) {
  if (batch == nullptr) return;  // nothing has come of it
  expect_whole(batch, false);
  batch_to_utf16();
  expect_whole(batch, true);
}

void drive(Source* source, int call, double now, Input& in) {
  switch (call) {
    case 1:
      return check(source_start(source, now));
    case 2: {
      const std::string type = in.byte() % 8 == 0 ? "text/plain" : "text/event-stream; charset=utf-8";
      type.copy(::input(static_cast<std::uint32_t>(type.size())), type.size());
      const int status = in.byte() % 4 == 0 ? 200 + in.byte() * 2 : 200;
      const int retry_after = in.byte() * 1000;
      return check(
          source_response(source, now, status, static_cast<std::uint32_t>(type.size()), retry_after, in.byte() % 4));
    }
    case 3:
    case 4:
      return check(source_bytes(source, now, in.give()));
    case 5:
      return check(source_message(source, now, in.give()));
    case 6:
      return check(source_end(source, now));
    case 7:
      return check(in.byte() % 2 == 0 ? source_network_error(source, now) : source_futile_error(source, now));
    case 8:
      return check(source_timeout(source, now));
    case 9:
      return check(source_online(source, now));
    case 10:
      return check(source_suspend(source, now));
    case 11:
      return check(source_resume(source, now));
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Input in(bytes, size);
  std::vector<std::unique_ptr<Source, decltype(&source_delete)>> sources;
  std::vector<std::unique_ptr<Parser, decltype(&parser_delete)>> parsers;
  double now = 1000;
  while (!in.is_empty()) {
    const std::uint8_t call = in.byte();
    now += in.byte() * 50;
    if (call % 16 < 12) {
      if (sources.empty() || call % 16 == 0) {
        const std::uint32_t id = in.give();
        sources.emplace_back(source_new(id, now, in.byte(), in.byte() * 100, in.byte() * 100, in.byte() % 8,
                                        in.byte() * 100, in.byte() * 100, in.byte(), in.byte()),
                             &source_delete);
      }
      if (sources.size() > 4) sources.erase(sources.begin());
      Source* const source = sources[call / 16 % sources.size()].get();
      drive(source, call % 16, now, in);
      if (const double next = source_next_timeout(source); std::isnan(next)) test::stop("a timeout that is no number");
      continue;
    }
    if (parsers.empty() || call % 16 == 12) parsers.emplace_back(parser_new(in.give()), &parser_delete);
    if (parsers.size() > 4) parsers.erase(parsers.begin());
    Parser* const parser = parsers[call / 16 % parsers.size()].get();
    if (call % 16 == 13) {
      parser_reset(parser);
    } else if (call % 16 < 15) {
      check(parser_feed(parser, in.give()));
    } else if (in.byte() % 2 == 0) {
      check(encode_comment(0));
    } else {
      const std::uint32_t all = in.give();
      const std::uint32_t type = all / 4;
      const std::uint32_t id = all / 4;
      encode_event(type, id, all - type - id, in.byte() - 10.0);
      batch_to_utf16();
    }
  }
  return 0;
}
