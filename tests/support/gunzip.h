// Gunzip: zlib's opinion of a gzip stream.
#pragma once

#include <zlib.h>

#include <array>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millrace::test {

class Gunzip {
 public:
  Gunzip() {
    if (inflateInit2(&stream_, kWindowBits) != Z_OK) throw std::bad_alloc();
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// What the next bytes say. Throws std::runtime_error if they are not a gzip stream's, or come behind its end.
  std::string take(std::string_view bytes) {
    std::string text;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::array<char, 16 * 1024> out;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out.data());
      stream_.avail_out = static_cast<uInt>(out.size());
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      text.append(out.data(), out.size() - stream_.avail_out);
      if (result == Z_STREAM_END) {
        ended_ = true;
        if (stream_.avail_in > 0) throw std::runtime_error("bytes behind a gzip stream's end");
        return text;
      }
      if (result != Z_OK && result != Z_BUF_ERROR) {
        throw std::runtime_error(std::string("no gzip stream: ") +
                                 (stream_.msg != nullptr ? stream_.msg : "no reason"));
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return text;
  }

  /// Its trailer has come, and was right.
  bool ended() const { return ended_; }

 private:
  static constexpr int kWindowBits = 15 + 16;  // zlib's way to say that the stream is gzip's

  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace millrace::test
