#include "hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <new>

namespace millrace {

namespace {

// Sets the dynamic table's size to 0. [RFC 7541 6.3]
constexpr std::string_view kNoTable = "\x20";  // NOLINT(modernize-raw-string-literal): a number, no blank

// Response fields of the static table. [RFC 7541 A]
struct StaticName {
  std::string_view name;
  std::uint8_t index;
};
constexpr StaticName kStaticNames[] = {{"accept-ranges", 18},
                                       {"access-control-allow-origin", 20},
                                       {"age", 21},
                                       {"allow", 22},
                                       {"cache-control", 24},
                                       {"content-disposition", 25},
                                       {"content-encoding", 26},
                                       {"content-language", 27},
                                       {"content-length", 28},
                                       {"content-location", 29},
                                       {"content-range", 30},
                                       {"content-type", 31},
                                       {"date", 33},
                                       {"etag", 34},
                                       {"expires", 36},
                                       {"last-modified", 44},
                                       {"link", 45},
                                       {"location", 46},
                                       {"retry-after", 53},
                                       {"server", 54},
                                       {"set-cookie", 55},
                                       {"strict-transport-security", 56},
                                       {"vary", 59},
                                       {"www-authenticate", 61}};

constexpr std::uint8_t kStatusName = 8;
constexpr std::array<int, 7> kStaticStatuses{200, 204, 206, 304, 400, 404, 500};  // from index 8 on

// Appends an integer with a prefix of `bits` bits; `first` has the other bits of the first byte. [RFC 7541 5.1]
void append_integer(std::size_t value, int bits, std::uint8_t first, std::string& out) {
  const std::size_t most = (std::size_t{1} << bits) - 1;
  if (value < most) return out.push_back(static_cast<char>(first | value));
  out.push_back(static_cast<char>(first | most));
  value -= most;
  while (value >= 128) {
    out.push_back(static_cast<char>(0x80 | (value & 0x7f)));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void append_text(std::string_view text, std::string& out) {
  append_integer(text.size(), 7, 0, out);
  out.append(text);
}

}  // namespace

void HpackDecoder::Delete::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

HpackDecoder::HpackDecoder(Table table) {
  nghttp2_hd_inflater* made = nullptr;
  if (nghttp2_hd_inflate_new(&made) != 0) throw std::bad_alloc();
  inflater_.reset(made);
  if (table == Table::kDefault) return;
  nghttp2_hd_inflate_change_table_size(made, 0);
  if (table == Table::kNone) decode(kNoTable, [](std::string_view, std::string_view) {});
}

bool HpackDecoder::decode(std::string_view block, const Visit& visit) {
  const auto* next = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, next, left, 1);
    if (used < 0) return false;
    next += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      visit({reinterpret_cast<const char*>(field.name), field.namelen},
            {reinterpret_cast<const char*>(field.value), field.valuelen});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if (left == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return false;  // the block ends within a field
  }
  return nghttp2_hd_inflate_end_headers(inflater_.get()) == 0;
}

void append_status(int status, std::string& block) {
  const auto found = std::find(kStaticStatuses.begin(), kStaticStatuses.end(), status);
  if (found != kStaticStatuses.end()) {
    return append_integer(kStatusName + static_cast<std::size_t>(found - kStaticStatuses.begin()), 7, 0x80, block);
  }
  append_integer(kStatusName, 4, 0, block);
  append_text(std::to_string(status), block);
}

void append_field(std::string_view name, std::string_view value, std::string& block) {
  const auto* const found = std::find_if(std::begin(kStaticNames), std::end(kStaticNames),
                                         [name](const StaticName& one) { return one.name == name; });
  if (found != std::end(kStaticNames)) {
    append_integer(found->index, 4, 0, block);
  } else {
    block.push_back('\0');  // a literal, without indexing, with a new name [RFC 7541 6.2.2]
    append_text(name, block);
  }
  append_text(value, block);
}

}  // namespace millrace
