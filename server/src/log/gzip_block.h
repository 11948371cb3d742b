// GzipBlock: bytes of a body as a piece of a gzip stream, compressed once for all receivers.
//
// It refers to nothing before it and ends at a byte boundary [RFC 1951 3.2], so it fits into every gzip stream. Only
// the checksum in the trailer differs between streams; it is combined from the blocks' checksums without reading their
// bytes again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// Whether this build has zlib. Without zlib, the server refuses ServerOptions::streams.gzip and calls no other
/// function of this file.
bool has_gzip();

/// Smallest event that is compressed for gzip streams, in bytes on the wire. Compressing smaller events one by one
/// saves little or nothing.
inline constexpr std::size_t kMinGzipBytes = 256;

/// Checksum and size of uncompressed bytes, for a gzip stream's trailer. [RFC 1952 2.3.1]
struct GzipSum {
  std::uint32_t crc = 0;
  std::uint32_t bytes = 0;  ///< modulo 2^32
};

struct GzipBlock {
  std::string chunk;             ///< an HTTP/1.1 chunk; in a stream's first block, with the preface before it
  GzipSum sum;                   ///< of the block's uncompressed bytes
  unsigned long behind_crc = 0;  ///< zlib's operator for appending this many bytes
  std::uint32_t payload_begin = 0;
  std::uint32_t payload_bytes = 0;

  /// The bytes without the chunk's framing.
  std::string_view payload() const { return std::string_view(chunk).substr(payload_begin, payload_bytes); }

  /// Extends `sum` by this block's bytes.
  void add_to(GzipSum& sum) const;
};

/// A block of `payload`, compressed if that makes it smaller. Throws std::bad_alloc.
GzipBlock compressed_block(std::string_view payload);

/// A block of `payload`, uncompressed.
GzipBlock stored_block(std::string_view payload);

/// The first block of a stream: `payload` uncompressed, after `preface`, which is not part of the gzip stream. Unless
/// `is_chunked`, all of it is the block's payload(), and the block has no chunk.
GzipBlock first_block(std::string_view preface, std::string_view payload, bool is_chunked = true);

/// The end of a gzip stream with this sum: an empty last block, and the trailer.
std::string gzip_end(const GzipSum& sum);

}  // namespace millrace
