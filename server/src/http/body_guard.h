// Checks a request's body before cpp-httplib reads it, and stops what its old versions cannot handle: invalid sizes of
// chunks, chunked bodies without end, and lines of a multipart body on which its regular expression would overflow the
// stack. SECURITY.md names the advisories. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "request_head.h"

namespace millrace {

/// Reads a chunked body, strictly. [RFC 9112 7.1]
class ChunkReader {
 public:
  /// Reads the next bytes from the wire, and appends the body's bytes in them to `data`. Returns false, from then on,
  /// if they are not valid chunks. Ignores bytes after the body.
  bool read(std::string_view bytes, std::string& data);

  /// Whether all of it has been read, including the trailer fields, which are dropped.
  bool is_done() const { return state_ == State::kDone; }
  /// Bytes of the body that the chunk sizes have announced so far.
  std::uint64_t announced() const { return total_; }

 private:
  enum class State : std::uint8_t {
    kSize,          // digits of a chunk's size
    kExtension,     // the rest of the line
    kSizeLf,        // the LF of that line's end
    kData,          //
    kDataCr,        // the line end after the data
    kDataLf,        //
    kTrailerName,   // fields after the last chunk
    kTrailerValue,  //
    kTrailerLf,     //
    kLastLf,        // of the empty line after them
    kDone,
    kBroken,
  };

  State after(char byte);
  State after_size(char byte);
  State after_trailer_name(char byte);

  State state_ = State::kSize;
  std::uint64_t size_ = 0;      // of the chunk
  std::uint64_t left_ = 0;      // left of the chunk
  std::uint64_t total_ = 0;     // of the chunks so far
  std::size_t line_bytes_ = 0;  // so far, of a size line or the trailer
  std::size_t digits_ = 0;      // of the size
  std::size_t name_bytes_ = 0;  // of the trailer field's name
};

/// Bounds the lines of a multipart body.
class MultipartGuard {
 public:
  /// Returns false if a line that cpp-httplib matches with its regular expression is too long.
  bool admits(std::string_view data);

 private:
  // For the current line.
  std::size_t field_bytes_ = 0;
  bool may_be_field_ = true;
};

}  // namespace millrace
