#include "content_decoder.h"

#include <strings.h>

#include <cstdint>
#include <new>
#include <utility>

#include "millrace/client/limits.h"

#if defined(MILLRACE_HAS_BROTLI)
#include <brotli/decode.h>
#endif
#if defined(MILLRACE_HAS_ZLIB)
#include <zlib.h>
#endif

namespace millrace {

namespace {

#if defined(MILLRACE_HAS_ZLIB)

// gzip, also with several members, and deflate, also without zlib's frame, as some servers send it. [RFC 9110 8.4.1]
class Inflater final : public ContentDecoder::Coding {
 public:
  explicit Inflater(bool is_gzip) : is_gzip_(is_gzip) {}
  ~Inflater() override {
    if (begun_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::optional<std::size_t> decode(std::string_view& bytes, char* room, std::size_t size) override {
    if (bytes.empty() && (!begun_ || ended_)) return 0;
    if (!begun_) begin(bytes.front());
    if (ended_ && (!is_gzip_ || inflateReset(&stream_) != Z_OK)) return std::nullopt;
    ended_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(room);
    stream_.avail_out = static_cast<uInt>(size);
    const int result = inflate(&stream_, Z_SYNC_FLUSH);
    bytes.remove_prefix(bytes.size() - stream_.avail_in);
    ended_ = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return std::nullopt;
    return size - stream_.avail_out;
  }

 private:
  // zlib's frame begins with a byte whose lower half is 8, which no first block of a bare deflate stream has.
  void begin(char first) {
    const int window = is_gzip_ ? MAX_WBITS + 16 : (first & 0x0f) == 8 ? MAX_WBITS : -MAX_WBITS;
    begun_ = inflateInit2(&stream_, window) == Z_OK;
    if (!begun_) throw std::bad_alloc();
  }

  const bool is_gzip_;
  z_stream stream_{};
  bool begun_ = false;
  bool ended_ = false;
};

#endif

#if defined(MILLRACE_HAS_BROTLI)

class Brotli final : public ContentDecoder::Coding {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (state_ == nullptr) throw std::bad_alloc();
  }
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;

  std::optional<std::size_t> decode(std::string_view& bytes, char* room, std::size_t size) override {
    std::size_t left_in = bytes.size();
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left_out = size;
    auto* out = reinterpret_cast<std::uint8_t*>(room);
    const auto result = BrotliDecoderDecompressStream(state_, &left_in, &in, &left_out, &out, nullptr);
    if (result == BROTLI_DECODER_RESULT_ERROR) return std::nullopt;
    if (result == BROTLI_DECODER_RESULT_SUCCESS && left_in > 0) return std::nullopt;  // nothing may follow its end
    bytes.remove_prefix(bytes.size() - left_in);
    return size - left_out;
  }

 private:
  BrotliDecoderState* state_;
};

#endif

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view ContentDecoder::accepted() {
#if defined(MILLRACE_HAS_ZLIB) && defined(MILLRACE_HAS_BROTLI)
  return "gzip, deflate, br";
#elif defined(MILLRACE_HAS_ZLIB)
  return "gzip, deflate";
#elif defined(MILLRACE_HAS_BROTLI)
  return "br";
#else
  return "identity";
#endif
}

bool ContentDecoder::begin(std::string_view content_encoding) {
  coding_ = nullptr;
  has_more_ = false;
  const std::string name(trimmed(content_encoding));
  const auto is = [&name](const char* other) { return strcasecmp(name.c_str(), other) == 0; };
  if (name.empty() || is("identity")) return true;
#if defined(MILLRACE_HAS_ZLIB)
  if (is("gzip") || is("x-gzip")) coding_ = std::make_unique<Inflater>(true);
  if (is("deflate")) coding_ = std::make_unique<Inflater>(false);
#endif
#if defined(MILLRACE_HAS_BROTLI)
  if (is("br")) coding_ = std::make_unique<Brotli>();
#endif
  if (coding_ != nullptr && piece_ == nullptr) piece_ = std::make_unique<char[]>(kDecodedPieceBytes);
  return coding_ != nullptr;
}

// A coding may have more output although it has read all input: then it is called again without input.
std::optional<std::string_view> ContentDecoder::next(std::string_view& bytes) {
  if (is_identity()) return std::exchange(bytes, {});
  while (true) {
    const std::size_t had = bytes.size();
    if (had == 0 && !has_more_) return std::string_view();
    const auto size = coding_->decode(bytes, piece_.get(), kDecodedPieceBytes);
    if (!size) return std::nullopt;
    has_more_ = *size == kDecodedPieceBytes;
    if (*size > 0) return std::string_view(piece_.get(), *size);
    if (bytes.size() == had) return had == 0 ? std::optional(std::string_view()) : std::nullopt;
  }
}

}  // namespace millrace
