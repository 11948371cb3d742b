// HTTP/2 frames [RFC 9113 4 and 6]: types, flags and error codes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

/// The first bytes of an HTTP/2 client. [RFC 9113 3.4]
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline constexpr std::size_t kFrameHeadBytes = 9;

/// Largest payload of a frame, of either side: the minimum that every peer must accept. [RFC 9113 4.2]
inline constexpr std::size_t kMaxFramePayload = 16'384;

/// The initial and the largest size of a window. [RFC 9113 6.9]
inline constexpr std::int64_t kInitialWindow = 65'535;
inline constexpr std::int64_t kMaxWindow = 0x7fff'ffff;

enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

namespace frame_flag {
inline constexpr std::uint8_t kEndStream = 0x1;
inline constexpr std::uint8_t kAck = 0x1;
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kHasPriority = 0x20;
}  // namespace frame_flag

enum class SettingId : std::uint16_t {
  kHeaderTableSize = 1,
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
};

/// [RFC 9113 7]
enum class Http2Error : std::uint32_t {
  kNone = 0x0,
  kProtocol = 0x1,
  kInternal = 0x2,
  kFlowControl = 0x3,
  kSettingsTimeout = 0x4,
  kStreamClosed = 0x5,
  kFrameSize = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompression = 0x9,
  kConnect = 0xa,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
  kHttp11Required = 0xd,
};

struct FrameHead {
  std::uint32_t length = 0;  ///< bytes of the payload
  FrameType type{};          ///< may be an unknown type
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;  ///< 31 bits

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

/// Big-endian numbers at `from`, where `bytes` must have at least two, three or four bytes.
constexpr std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
constexpr std::uint32_t read_16(std::string_view bytes, std::size_t from = 0) {
  return byte_at(bytes, from) << 8 | byte_at(bytes, from + 1);
}
constexpr std::uint32_t read_24(std::string_view bytes, std::size_t from = 0) {
  return read_16(bytes, from) << 8 | byte_at(bytes, from + 2);
}
constexpr std::uint32_t read_32(std::string_view bytes, std::size_t from = 0) {
  return read_16(bytes, from) << 16 | read_16(bytes, from + 2);
}

}  // namespace millrace
