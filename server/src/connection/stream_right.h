// StreamRight: the right that opened a stream of an events route, kept while the stream is open.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "auth/request_record.h"

namespace millrace {

class ConnectionLoop;
class StreamSide;

struct StreamRight {
  StreamRight(const httplib::Request& request, std::uint64_t round, ConnectionLoop& of)
      : opened_by(request), asked_in(round), loop(of) {}

  const RequestRecord opened_by;
  std::atomic<std::uint64_t> asked_in;  ///< the round of the last grant
  ConnectionLoop& loop;
  StreamSide* stream = nullptr;  ///< for the loop's thread; null before the stream begins and after it ends
};
using StreamRightPtr = std::shared_ptr<StreamRight>;

}  // namespace millrace
