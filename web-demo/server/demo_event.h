// DemoEvent: what the demo's generators make, ready for the hub.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "millrace/core/field_value.h"
#include "millrace/server/hub.h"

namespace millrace::demo {

struct DemoEvent {
  std::string topic;  ///< a valid one
  EventType type;
  std::string data;
};

/// What a store cannot take is no loss: there is more where it came from.
inline void publish(Hub& hub, const DemoEvent& event) {
  static_cast<void>(hub.publish(event.topic, {.type = event.type, .data = event.data}));
}

/// Milliseconds since 1970, as the demo's events have it in `time`.
inline std::int64_t wall_clock() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace millrace::demo
