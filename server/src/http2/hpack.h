// HPACK [RFC 7541]: nghttp2's decoder, and an encoder that needs no state. Pure.
//
// Millrace asks clients for a dynamic table of size 0. Until a client has acknowledged that, its connection needs a
// decoder of its own, of some KiB; from then on a field section refers to nothing before it, and one decoder serves
// all connections of a loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct nghttp2_hd_inflater;

namespace millrace {

class HpackDecoder {
 public:
  /// One field; both texts are valid during the call only.
  using Visit = std::function<void(std::string_view name, std::string_view value)>;

  enum class Table : std::uint8_t {
    kDefault,  ///< of 4,096 bytes [RFC 9113 6.5.2]
    kShrinks,  ///< of 0 bytes from here on: the next section has to begin by saying so [RFC 7541 4.2]
    kNone,     ///< of 0 bytes
  };

  /// Throws std::bad_alloc.
  explicit HpackDecoder(Table table);

  /// Calls `visit` for each field of a whole field section. False if it is none: the connection cannot go on, nor can
  /// the decoder.
  bool decode(std::string_view block, const Visit& visit);

 private:
  struct Delete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;
};

/// Appends `:status`.
void append_status(int status, std::string& block);

/// Appends a field, which no table on the way is to keep. `name`: in lower case.
void append_field(std::string_view name, std::string_view value, std::string& block);

}  // namespace millrace
