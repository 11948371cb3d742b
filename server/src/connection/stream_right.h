// StreamRight: the right that opened a stream of an events route, kept while the stream is open.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "auth/request_record.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

class ConnectionLoop;
class StreamSide;

struct StreamRight {
  StreamRight(const httplib::Request& request, std::uint64_t round, ConnectionLoop& of)
      : opened_by(request), asked_in(round), loop(of) {}
  /// The right of the same stream to other topics.
  StreamRight(const StreamRight& before, std::shared_ptr<const TopicFilter> topics, std::uint64_t round)
      : opened_by(before.opened_by), changed_to(std::move(topics)), asked_in(round), loop(before.loop) {}

  const RequestRecord opened_by;
  const std::shared_ptr<const TopicFilter> changed_to;  ///< null: the topics are those of the request
  std::atomic<std::uint64_t> asked_in;                  ///< the round of the last grant
  ConnectionLoop& loop;
  StreamSide* stream = nullptr;  ///< for the loop's thread; null before the stream begins and after it ends
};
using StreamRightPtr = std::shared_ptr<StreamRight>;

}  // namespace millrace
