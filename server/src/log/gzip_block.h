// GzipBlock: bytes of a body as a piece of a gzip stream, compressed once for all receivers.
//
// It refers to nothing before it and ends with a whole byte [RFC 1951 3.2]. So it fits into every gzip stream, wherever
// that began. Only the checksum in the trailer differs between streams; it is combined from the checksums of the
// blocks, without reading their bytes again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// Whether this build has zlib. Without it nothing below is called: ServerOptions::streams.gzip is refused.
bool has_gzip();

/// Smallest event that is compressed for gzip streams, in bytes on the wire. Compressing smaller events, each by
/// itself, saves little or nothing.
inline constexpr std::size_t kMinGzipBytes = 256;

/// Of uncompressed bytes, what a gzip stream's trailer says. [RFC 1952 2.3.1]
struct GzipSum {
  std::uint32_t crc = 0;
  std::uint32_t bytes = 0;  ///< modulo 2^32
};

struct GzipBlock {
  std::string chunk;             ///< a whole HTTP/1.1 chunk; of a stream's first block, with what stands before it
  GzipSum sum;                   ///< of what is in it
  unsigned long behind_crc = 0;  ///< zlib's operator that puts this many bytes behind others
  std::uint32_t payload_begin = 0;
  std::uint32_t payload_bytes = 0;

  /// Without the chunk's framing.
  std::string_view payload() const { return std::string_view(chunk).substr(payload_begin, payload_bytes); }

  /// The sum of what `sum` is of, and this block behind it.
  void add_to(GzipSum& sum) const;
};

/// `payload`, compressed where that makes it smaller. Throws std::bad_alloc.
GzipBlock compressed_block(std::string_view payload);

/// `payload` as it is.
GzipBlock stored_block(std::string_view payload);

/// `payload` as it is, as the first of a stream, behind `preface`, which is no part of that. Not `is_chunked`: they are
/// all of its payload(), and there is no chunk.
GzipBlock first_block(std::string_view preface, std::string_view payload, bool is_chunked = true);

/// What ends a gzip stream of blocks with this sum: an empty last block, and the trailer.
std::string gzip_end(const GzipSum& sum);

}  // namespace millrace
