// ByteBuffer: bytes that arrive in pieces, as the parser keeps them.
//
// It replaces std::string only for its size: the checks for a string's short form were a fifth of the WebAssembly
// module. It keeps its memory for the next bytes. It cannot be copied; one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace millrace {

/// A growing array of bytes that is moved, not copied.
class ByteBuffer {
 public:
  /// Empty, without memory.
  ByteBuffer() = default;
  /// A copy of `bytes`.
  explicit ByteBuffer(std::string_view bytes) { append(bytes); }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  /// Takes the bytes of `other`, which is then empty.
  ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
  /// Exchanges the bytes of the two.
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~ByteBuffer() = default;

  /// In bytes.
  std::size_t size() const { return size_; }
  /// Whether it holds no byte.
  bool empty() const { return size_ == 0; }
  /// The bytes, until the next call of a non-const member.
  std::string_view view() const { return {bytes_.get(), size_}; }

  /// Removes the bytes and keeps the memory.
  void clear() { size_ = 0; }
  /// Appends `bytes`, which must not be part of this buffer.
  void append(std::string_view bytes);
  /// Replaces its content by `bytes`, which must not be part of this buffer.
  void assign(std::string_view bytes) {
    clear();
    append(bytes);
  }

  /// Exchanges the bytes of the two.
  void swap(ByteBuffer& other) noexcept {
    bytes_.swap(other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  /// Returns room for `bytes` bytes at the end. The caller writes into it, and then calls add_written().
  char* room_for(std::size_t bytes) {
    if (capacity_ - size_ < bytes) reserve(size_ + bytes);
    return bytes_.get() + size_;
  }
  /// Adds the first `bytes` of what room_for() returned, which the caller has written. At most as many as it asked for.
  void add_written(std::size_t bytes) { size_ += bytes; }

 private:
  void reserve(std::size_t bytes);

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace millrace
