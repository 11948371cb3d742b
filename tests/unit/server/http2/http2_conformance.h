// The cases of http2_conformance_test.cpp: what a client may send, and what the server has to do then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2_peer.h"

namespace millrace::test {

enum class Comes : std::uint8_t {
  kRequests,    // as many requests, and no complaint
  kReset,       // stream `stream` is reset with the error
  kConnection,  // the connection ends with the error
  kTooLarge,    // stream `stream` is reported to be refused, because its field section is too large
};

struct Case {
  const char* section;
  const char* what;
  std::string bytes;  // behind preface and SETTINGS, unless `is_raw`
  Comes comes;
  Http2Error error = Http2Error::kNone;
  std::size_t number = 1;  // of requests
  std::uint32_t stream = 1;
  bool is_raw = false;
};

inline std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.section << ": " << one.what;
}

inline Case fine(const char* section, const char* what, std::string bytes, std::size_t requests = 1) {
  return {.section = section, .what = what, .bytes = std::move(bytes), .comes = Comes::kRequests, .number = requests};
}
inline Case resets(const char* section, const char* what, std::string bytes, Http2Error error,
                   std::uint32_t stream = 1) {
  return {.section = section,
          .what = what,
          .bytes = std::move(bytes),
          .comes = Comes::kReset,
          .error = error,
          .stream = stream};
}
inline Case ends(const char* section, const char* what, std::string bytes, Http2Error error) {
  return {.section = section, .what = what, .bytes = std::move(bytes), .comes = Comes::kConnection, .error = error};
}
inline Case raw(Case one) {
  one.is_raw = true;
  return one;
}

inline std::string open_get(std::uint32_t stream = 1) {
  return headers(stream, get_fields());
}
inline std::string open_post(std::uint32_t stream = 1, Fields more = {}) {
  return headers(stream, post_fields(std::move(more)), 0);
}
inline std::string block_frame(std::string_view block) {
  return frame(FrameType::kHeaders, frame_flag::kEndHeaders | frame_flag::kEndStream, 1, block);
}
inline std::string prefix() {  // the pseudo-header fields of a request, to which a raw field can be added
  return block_of(get_fields());
}

// The cases, by what they are about.
std::vector<Case> framing();
std::vector<Case> streams();
std::vector<Case> frames();
std::vector<Case> messages();
std::vector<Case> abuse();
std::vector<Case> hpack();

}  // namespace millrace::test
