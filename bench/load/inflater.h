// Inflater: decompresses a gzip stream piece by piece. [RFC 1952]
#pragma once

#include <zlib.h>

#include <functional>
#include <string_view>

namespace millrace::load {

class Inflater {
 public:
  using Sink = std::function<void(std::string_view)>;

  /// Throws std::bad_alloc.
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Returns false if the bytes are not a gzip stream.
  bool decode(std::string_view bytes, const Sink& sink);

 private:
  z_stream stream_{};
};

}  // namespace millrace::load
