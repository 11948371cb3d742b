// The C interface of the WebAssembly module, built natively: calls in any order on sources and parsers, as many as
// there are, with any input. Every batch must be well-formed, and nothing may be read that is not there.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../../client-wasm/src/abi.cpp"
#include "failure.h"

namespace {

using namespace millrace;

// What is given, byte by byte; zeros behind its end.
class Given {
 public:
  Given(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
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

// Of a text that is there, with the CR behind it.
std::size_t length(std::uint32_t bytes) {
  return bytes == kUnchanged ? 0 : std::size_t{bytes} + 1;
}

// The texts of the records follow one another and fill the batch's text.
void check(const Batch* batch) {
  if (batch == nullptr) return;  // nothing has come of it
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < batch->count; ++i) {
    Record record;
    std::memcpy(&record, batch->records + i * sizeof record, sizeof record);
    if (record.kind == Kind::kEvent) {
      bytes += length(record.type) + length(record.data) + length(record.last_event_id);
    } else if (record.kind == Kind::kLastEventId) {
      bytes += length(record.last_event_id);
    } else if (record.kind == Kind::kComment) {
      bytes += length(record.data);
    }
  }
  if (bytes != batch->text_bytes) test::stop("a batch whose lengths are wrong");
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < batch->text_bytes; ++i) sum += static_cast<unsigned char>(batch->text[i]);
  if (sum == UINT64_MAX) test::stop("never");  // the text has been read
}

void drive(Source* source, std::uint8_t call, double now, Given& in) {
  using millrace::Input;
  constexpr int kInputs = static_cast<int>(Input::kResume) + 1;
  const auto input = static_cast<Input>(call % kInputs);
  if (input == Input::kBytes || input == Input::kMessage) {
    return check(source_tell(source, input, now, static_cast<int>(in.give()), 0, 0, 0));
  }
  if (input != Input::kResponse) return check(source_tell(source, input, now, 0, 0, 0, 0));
  const std::string type = in.byte() % 8 == 0 ? "text/plain" : "text/event-stream; charset=utf-8";
  type.copy(::input(static_cast<std::uint32_t>(type.size())), type.size());
  const int status = in.byte() % 4 == 0 ? 200 + in.byte() * 2 : 200;
  const int retry_after = in.byte() * 1000;
  check(source_tell(source, input, now, status, static_cast<std::uint32_t>(type.size()), retry_after, in.byte() % 4U));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Given in(bytes, size);
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
    } else {
      check(parser_feed(parser, in.give()));
    }
  }
  return 0;
}
