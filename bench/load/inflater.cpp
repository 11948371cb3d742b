#include "inflater.h"

#include <array>
#include <new>

namespace millrace::load {

namespace {

constexpr int kGzipWindowBits = 15 + 16;  // zlib's way to say that the stream is gzip's

}  // namespace

Inflater::Inflater() {
  if (inflateInit2(&stream_, kGzipWindowBits) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() {
  inflateEnd(&stream_);
}

bool Inflater::decode(std::string_view bytes, const Sink& sink) {
  std::array<char, 16 * 1024> out;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it
  stream_.avail_in = static_cast<uInt>(bytes.size());
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_SYNC_FLUSH);
    sink({out.data(), out.size() - stream_.avail_out});
    if (result == Z_STREAM_END) return true;
    if (result != Z_OK && result != Z_BUF_ERROR) return false;
  } while (stream_.avail_in > 0 || stream_.avail_out == 0);
  return true;
}

}  // namespace millrace::load
