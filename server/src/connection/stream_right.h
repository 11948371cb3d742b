// StreamRight: the right with which a stream of an events route was opened, kept while the stream is open.
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
  std::atomic<std::uint64_t> asked_in;  ///< the round in which it was granted last
  ConnectionLoop& loop;
  StreamSide* stream = nullptr;  ///< of the loop's thread: null before the stream begins and once it is over
};
using StreamRightPtr = std::shared_ptr<StreamRight>;

}  // namespace millrace
