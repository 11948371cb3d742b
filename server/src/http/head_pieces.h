// HeadPieces: joins the pieces in which the head of a response is written. Pure.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

class HeadPieces {
 public:
  /// Returns all pieces so far if they contain the end of a head, and forgets them; otherwise an empty view. The result
  /// is valid until the next call, and as long as `piece`.
  std::string_view join(std::string_view piece) {
    if (is_joined_) begun_.clear();
    is_joined_ = false;
    if (begun_.empty() && has_end(piece)) return piece;
    begun_.append(piece);
    is_joined_ = has_end(begun_);
    return is_joined_ ? std::string_view(begun_) : std::string_view();
  }

 private:
  static bool has_end(std::string_view bytes) { return bytes.find("\r\n\r\n") != std::string_view::npos; }

  std::string begun_;
  bool is_joined_ = false;
};

}  // namespace millrace
