// The C interface of the WebAssembly module, built natively: calls in any order on sources and parsers, as many as
// there are, with any input. Every batch must be well-formed, and nothing may be read that is not there.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../../client-wasm/src/abi.cpp"
#include "failure.h"

namespace {

using namespace millrace;

// The fuzzer's input, byte by byte; zeros behind its end.
class Bytes {
 public:
  Bytes(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
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

// The texts of the records, each with a CR behind it, follow one another and fill the batch's text.
class Texts {
 public:
  explicit Texts(std::string_view text) : text_(text) {}
  void expect(std::uint32_t bytes) {
    if (bytes == kUnchanged) return;
    if (text_.size() <= bytes || text_[bytes] != '\r') test::stop("a text without its end");
    if (text_.substr(0, bytes).find('\r') != std::string_view::npos) test::stop("a text with a CR in it");
    text_.remove_prefix(bytes + 1);
  }
  void expect_end() const {
    if (!text_.empty()) test::stop("text that no record has");
  }

 private:
  std::string_view text_;
};

void check(const Batch* given) {
  if (given == nullptr) return;  // nothing has come of it
  Texts texts({given->text, given->text_bytes});
  for (std::uint32_t i = 0; i < given->count; ++i) {
    Record record{};
    std::memcpy(&record, given->records + i * sizeof record, sizeof record);
    if (record.kind > Kind::kField) test::stop("a record of no kind");
    if (record.kind == Kind::kEvent) {
      texts.expect(record.type);
      texts.expect(record.data);
    }
    if (record.kind == Kind::kComment) texts.expect(record.data);
    if (record.kind == Kind::kEvent || record.kind == Kind::kId || record.kind == Kind::kField) {
      texts.expect(record.last_event_id);
    }
  }
  texts.expect_end();
}

void drive(Source* source, Input input, double now, Bytes& in) {
  if (input == Input::kResponse) {
    const std::string type = in.byte() % 8 == 0 ? "text/plain\n" : "text/event-stream; charset=utf-8\ne-7";
    type.copy(::input(static_cast<std::uint32_t>(type.size())), type.size());
    const int status = in.byte() % 4 == 0 ? 200 + in.byte() * 2 : 200;
    const int retry_after = in.byte() * 1000;
    return check(source_tell(source, input, now, status, static_cast<std::uint32_t>(type.size()), retry_after,
                             in.byte() % 4, in.byte() * 1000));
  }
  const bool has_text = input == Input::kBytes || input == Input::kMessage;
  const bool is_cursor = input == Input::kMessage && in.byte() % 2 == 0;
  check(source_tell(source, input, now, has_text ? static_cast<int>(in.give()) : 0, is_cursor ? 1 : 0, 0, 0, 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Bytes in(bytes, size);
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
      drive(source, static_cast<Input>(in.byte() % 12), now, in);
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
