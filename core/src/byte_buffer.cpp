#include "millrace/core/byte_buffer.h"

#include <algorithm>
#include <cstring>

namespace millrace {

namespace {

constexpr std::size_t kLeastBytes = 56;

}  // namespace

void ByteBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return;  // it may have no address
  char* const room = room_for(bytes.size());
  if (bytes.size() == 1) {  // for input byte by byte: no call
    *room = bytes.front();
  } else {
    std::memcpy(room, bytes.data(), bytes.size());
  }
  size_ += bytes.size();
}

// Doubles, so that a buffer that grows by single bytes copies each byte at most twice.
void ByteBuffer::reserve(std::size_t bytes) {
  const std::size_t capacity = std::max({bytes, capacity_ * 2, kLeastBytes});
  std::unique_ptr<char[]> larger(new char[capacity]);
  if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
  bytes_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace millrace
