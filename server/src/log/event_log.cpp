#include "event_log.h"

#include "millrace/core/event_stream_writer.h"

namespace millrace {

std::string append_refusal(const std::string& reason) {
  return "the store takes no events: " + reason;
}

std::string id_of(std::string_view epoch, std::uint64_t sequence) {
  return std::string(epoch).append(1, '-').append(std::to_string(sequence));
}

// No ID and no topic holds a line end.
std::string id_key(std::string_view topic, std::string_view publisher_id, IdScope scope) {
  if (scope == IdScope::kLog) return std::string(publisher_id);
  return std::string(topic).append(1, '\n').append(publisher_id);
}

std::string id_key(const Frame& frame) {
  return id_key(frame.topic, frame.publisher_id, frame.id_is_topics_own ? IdScope::kTopic : IdScope::kLog);
}

std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = sequence;
  frame->topic = publication.topic.view();
  frame->published = now;
  std::string payload;
  const std::string own_id = id_of(epoch, sequence);
  if (publication.kind == Publication::Kind::kEvent) {
    Event event = publication.event;
    frame->publisher_id = event.id.view();
    frame->id_is_topics_own = publication.scope == IdScope::kTopic;
    if (event.id.empty()) event.id = *EventId::parse(own_id);
    payload.reserve(event.data.size() + 64);
    EventStreamWriter(payload).event(event);
  } else {
    // A client that has a topic's finish has seen the end, and says so when it comes back.
    frame->finishes_topic = publication.kind == Publication::Kind::kFinish;
    EventStreamWriter(payload).cursor(*EventId::parse(own_id));
  }
  set_payload(*frame, payload);
  return frame;
}

}  // namespace millrace
