// The body of a publish request, checked: one JSON object, or NDJSON lines of them.
//
//   {"topic": "orders", "data": "text, or any JSON", "event": "created", "id": "17", "retry": 3000, "retain": true,
//    "durability": "disk", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
//   {"topic": ["books/1", "authors/7"], "data": "one event of two topics"}
//   {"topic": "jobs/17", "finish": true}
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event.h"
#include "millrace/core/owned.h"
#include "millrace/core/topic.h"
#include "millrace/server/hub.h"

namespace millrace {

/// One event to publish, owning its text, and whether its topic is finished.
class PublishRequest {
 public:
  /// Reads one JSON object. On failure nothing is returned and `error` is a sentence that names the field.
  static std::optional<PublishRequest> parse(std::string_view json, const Hub& hub, std::string& error);

  Topic topic() const { return *topic_; }
  /// Valid as long as this object, or a copy of it.
  std::span<const Topic> further_topics() const;
  /// All of them.
  std::vector<Topic> topics() const;
  /// Nothing if the request finishes a topic and has no data.
  std::optional<Event> event() const;
  bool has_event() const { return data_.has_value(); }
  bool finishes() const { return finish_; }
  bool is_retained() const { return retain_; }
  Durability durability() const { return durability_; }

 private:
  void set_topics(std::vector<OwnedTopic> topics);
  std::optional<Hub::Refusal> refusal(const Hub& hub) const;

  std::optional<OwnedTopic> topic_;
  std::shared_ptr<const OwnedList<Topic>> further_topics_;  // null if there is one topic
  std::optional<std::string> data_;
  OwnedEventType type_{EventType()};
  OwnedEventId id_{EventId()};
  std::optional<Duration> retry_;
  OwnedTraceContext trace_;
  bool finish_ = false;
  bool retain_ = false;
  Durability durability_ = Durability::kMemory;
};

/// Reads a whole body: one object, or one on every line that is not blank. All or nothing: on failure `error` names the
/// line (if there is more than one) and the field.
std::optional<std::vector<PublishRequest>> parse_publish_body(std::string_view body, const Hub& hub,
                                                              std::string& error);

}  // namespace millrace
