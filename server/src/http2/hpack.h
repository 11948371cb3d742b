// HPACK [RFC 7541]: nghttp2's decoder, and an encoder that needs no state. Pure.
//
// Millrace sets the dynamic table of clients to size 0. Until a client has acknowledged that, its connection needs its
// own decoder of some KiB. Afterwards a field section refers to nothing before it, so one decoder serves all
// connections of a loop.
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
  /// Called with one field; both texts are valid only during the call.
  using Visit = std::function<void(std::string_view name, std::string_view value)>;

  enum class Table : std::uint8_t {
    kDefault,  ///< of 4,096 bytes [RFC 9113 6.5.2]
    kShrinks,  ///< of 0 bytes from now on: the next section must begin with this size [RFC 7541 4.2]
    kNone,     ///< of 0 bytes
  };

  /// Throws std::bad_alloc.
  explicit HpackDecoder(Table table);

  /// Calls `visit` for each field of a complete field section. Returns false if the section is invalid: then neither
  /// the connection nor the decoder can continue.
  bool decode(std::string_view block, const Visit& visit);

 private:
  struct Delete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;
};

/// Appends `:status`.
void append_status(int status, std::string& block);

/// Appends a field that no intermediary may put into a table. `name` is in lower case.
void append_field(std::string_view name, std::string_view value, std::string& block);

}  // namespace millrace
