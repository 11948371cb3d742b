// Replaces gzip_block.cpp in builds without zlib.
#include "gzip_block.h"

namespace millrace {

bool has_gzip() {
  return false;
}

void GzipBlock::add_to(GzipSum&) const {}

GzipBlock compressed_block(std::string_view) {
  return {};
}

GzipBlock stored_block(std::string_view) {
  return {};
}

GzipBlock first_block(std::string_view, std::string_view, bool) {
  return {};
}

std::string gzip_end(const GzipSum&) {
  return {};
}

}  // namespace millrace
