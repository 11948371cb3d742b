// DemoEvent: an event of the demo's generators.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "millrace/core/field_value.h"
#include "millrace/core/topic.h"
#include "millrace/server/hub.h"

namespace millrace::demo {

struct DemoEvent {
  std::string topic;  ///< a valid topic
  EventType type;
  std::string data;
  bool retain = false;  ///< the topic's newest event stays, however old it is
};

/// Publishes it. Ignores a store that fails, because further events follow. Publishes an event that cannot be retained
/// without retaining it.
inline void publish(Hub& hub, const DemoEvent& event) {
  const auto topic = Topic::parse(std::string_view(event.topic));
  if (!topic) return;
  Publication publication{
      .topic = *topic, .event = {.type = event.type, .data = event.data}, .retain = event.retain && hub.retains()};
  const auto results = hub.publish(std::span(&publication, 1));
  if (results.front().outcome != Published::Outcome::kNotRetained) return;
  publication.retain = false;
  static_cast<void>(hub.publish(std::span(&publication, 1)));
}

/// Milliseconds since 1970, for `time` in the demo's events.
inline std::int64_t wall_clock() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace millrace::demo
