#include "body_decoder.h"

#include <cstdint>
#include <cstdlib>
#include <new>

#include "field_text.h"

#ifdef MILLRACE_HAS_BROTLI
#include <brotli/decode.h>
#endif
#ifdef MILLRACE_HAS_ZLIB
#include <zlib.h>
#endif

namespace millrace {

namespace {

#ifdef MILLRACE_HAS_ZLIB
// [RFC 1950, 1952] zlib distinguishes the two by their first bytes.
class ZlibDecoder final : public BodyDecoder {
 public:
  ZlibDecoder() {
    constexpr int kDetect = 32;
    if (inflateInit2(&stream_, kDetect + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~ZlibDecoder() override { inflateEnd(&stream_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  std::size_t decode(std::string_view& input, std::span<char> out) override {
    if (at_end_ && !input.empty()) begin_next_member(input.front());
    if (broken_ || at_end_) return 0;
    begun_ = begun_ || !input.empty();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    at_end_ = result == Z_STREAM_END;
    broken_ = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
    input.remove_prefix(input.size() - stream_.avail_in);
    return out.size() - stream_.avail_out;
  }

  bool is_complete() const override { return at_end_ || !begun_; }
  std::size_t memory() const override { return 48 * 1024; }  // its window and state [zconf.h]

 private:
  // [RFC 1952 2.2] Members of gzip may follow one another.
  void begin_next_member(char first) {
    constexpr char kGzip = '\x1f';
    broken_ = first != kGzip || inflateReset(&stream_) != Z_OK;
    at_end_ = broken_;
  }

  z_stream stream_{};
  bool begun_ = false;
  bool at_end_ = false;
};
#endif

#ifdef MILLRACE_HAS_BROTLI
// [RFC 7932] Its window may take 16 MiB, so what it allocates is counted.
class BrotliDecoder final : public BodyDecoder {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(&allocate, &release, &memory_)) {
    if (state_ == nullptr) throw std::bad_alloc();
  }
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }
  BrotliDecoder(const BrotliDecoder&) = delete;
  BrotliDecoder& operator=(const BrotliDecoder&) = delete;

  std::size_t decode(std::string_view& input, std::span<char> out) override {
    begun_ = begun_ || !input.empty();
    if (is_complete()) {
      broken_ = !input.empty();
      return 0;
    }
    std::size_t input_left = input.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(input.data());
    std::size_t room = out.size();
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    broken_ =
        BrotliDecoderDecompressStream(state_, &input_left, &next, &room, &to, nullptr) == BROTLI_DECODER_RESULT_ERROR;
    input.remove_prefix(input.size() - input_left);
    return broken_ ? 0 : out.size() - room;
  }

  bool is_complete() const override { return !begun_ || BrotliDecoderIsFinished(state_) == BROTLI_TRUE; }
  std::size_t memory() const override { return memory_; }

 private:
  // Precedes the allocated memory.
  struct alignas(std::max_align_t) Size {
    std::size_t bytes;
  };

  static void* allocate(void* memory, std::size_t bytes) {
    auto* size = static_cast<Size*>(std::malloc(sizeof(Size) + bytes));
    if (size == nullptr) return nullptr;
    size->bytes = bytes;
    *static_cast<std::size_t*>(memory) += bytes;
    return size + 1;
  }
  static void release(void* memory, void* address) {
    if (address == nullptr) return;
    Size* size = static_cast<Size*>(address) - 1;
    *static_cast<std::size_t*>(memory) -= size->bytes;
    std::free(size);
  }

  std::size_t memory_ = 0;
  BrotliDecoderState* state_;
  bool begun_ = false;
};
#endif

}  // namespace

std::unique_ptr<BodyDecoder> BodyDecoder::of(std::string_view coding) {
  [[maybe_unused]] const auto is = [coding](std::string_view name) { return equals_ignoring_case(coding, name); };
#ifdef MILLRACE_HAS_ZLIB
  if (is("gzip") || is("x-gzip") || is("deflate")) return std::make_unique<ZlibDecoder>();
#endif
#ifdef MILLRACE_HAS_BROTLI
  if (is("br")) return std::make_unique<BrotliDecoder>();
#endif
  return nullptr;
}

}  // namespace millrace
