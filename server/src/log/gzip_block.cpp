#include "gzip_block.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "frame.h"

namespace millrace {

namespace {

// zlib's level, 1 to 9. Level 6 makes events of some KiB a tenth smaller in 1.5 times the time; with large events, in
// three times the time.
constexpr int kLevel = 3;

// Raw deflate, with the largest window. [zlib.h, deflateInit2]
constexpr int kWindowBits = -15;
constexpr int kMemoryLevel = 8;

// A stored block's length is a number of 16 bits. [RFC 1951 3.2.4]
constexpr std::size_t kMaxStoredBytes = 0xffff;
constexpr std::size_t kStoredHeadBytes = 5;

// A gzip stream's header: deflated, without optional fields. [RFC 1952 2.3]
constexpr std::string_view kGzipHead{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};

// The compressor's state: some 260 KiB, reused.
class Deflater {
 public:
  Deflater() {
    if (deflateInit2(&stream_, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  /// Compresses `bytes` up to a byte boundary, and cuts `out` to the result. Returns false if the result does not fit
  /// into `out`.
  bool deflate(std::string_view bytes, std::string& out) {
    deflateReset(&stream_);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    // Free room means that the flush is complete.
    if (::deflate(&stream_, Z_SYNC_FLUSH) != Z_OK || stream_.avail_out == 0) return false;
    out.erase(out.size() - stream_.avail_out);
    return true;
  }

 private:
  z_stream stream_{};
};

std::size_t stored_bytes(std::size_t payload_bytes) {
  return payload_bytes + kStoredHeadBytes * ((payload_bytes + kMaxStoredBytes - 1) / kMaxStoredBytes);
}

void append_little_endian(std::uint32_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void append_stored(std::string_view payload, std::string& out) {
  out.reserve(out.size() + stored_bytes(payload.size()));
  while (!payload.empty()) {
    const std::string_view part = payload.substr(0, kMaxStoredBytes);
    payload.remove_prefix(part.size());
    out.push_back('\0');  // a stored block, not the last
    append_little_endian(static_cast<std::uint32_t>(part.size()), 2, out);
    append_little_endian(~static_cast<std::uint32_t>(part.size()), 2, out);
    out.append(part);
  }
}

GzipBlock block(std::string_view preface, std::string_view encoded, std::string_view payload) {
  GzipBlock made{.chunk = std::string(preface),
                 .sum = {.crc = static_cast<std::uint32_t>(
                             crc32_z(0, reinterpret_cast<const Bytef*>(payload.data()), payload.size())),
                         .bytes = static_cast<std::uint32_t>(payload.size())},
                 .behind_crc = crc32_combine_gen(static_cast<z_off_t>(payload.size()))};
  made.payload_begin = static_cast<std::uint32_t>(append_chunk(encoded, made.chunk));
  made.payload_bytes = static_cast<std::uint32_t>(encoded.size());
  return made;
}

}  // namespace

bool has_gzip() {
  return true;
}

void GzipBlock::add_to(GzipSum& total) const {
  total.crc = static_cast<std::uint32_t>(crc32_combine_op(total.crc, sum.crc, behind_crc));
  total.bytes += sum.bytes;
}

GzipBlock compressed_block(std::string_view payload) {
  if (payload.size() < kMinGzipBytes) return stored_block(payload);
  // One scratch compressor per thread; it keeps nothing between calls.
  thread_local Deflater deflater;
  std::string out(stored_bytes(payload.size()), '\0');
  return deflater.deflate(payload, out) ? block({}, out, payload) : stored_block(payload);
}

GzipBlock stored_block(std::string_view payload) {
  std::string out;
  append_stored(payload, out);
  return block({}, out, payload);
}

GzipBlock first_block(std::string_view preface, std::string_view payload, bool is_chunked) {
  std::string out(kGzipHead);
  append_stored(payload, out);
  GzipBlock first = block(preface, out, payload);
  if (is_chunked) return first;
  first.chunk = std::string(preface).append(out);
  first.payload_begin = 0;
  first.payload_bytes = static_cast<std::uint32_t>(first.chunk.size());
  return first;
}

std::string gzip_end(const GzipSum& sum) {
  std::string end("\x03\0", 2);  // an empty last block with fixed codes
  append_little_endian(sum.crc, 4, end);
  append_little_endian(sum.bytes, 4, end);
  return end;
}

}  // namespace millrace
