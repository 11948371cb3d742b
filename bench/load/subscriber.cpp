#include "subscriber.h"

#include <stdexcept>

#include "millrace/core/protocol.h"

namespace millrace::load {

std::string Subscriber::target(const Load& load) const {
  std::string target = with_topic(load, load.subscribe_path, first_topic(load));
  for (std::size_t i = 1; i < load.topics_each; ++i) target += "&topic=" + topic_name(load, first_topic(load) + i);
  if (load.topics_each > 1) target += "&fields=topic";
  if (load.conflate > 0) target += "&conflate=" + std::to_string(load.conflate);
  return target;
}

void Subscriber::read(const Load& load, std::string_view bytes, std::int64_t now, Tally& tally) {
  using Item = EventStreamParser::Item;
  parser_.feed(bytes);
  for (auto item = parser_.next(); item != Item::kNeedMore && item != Item::kTooLarge; item = parser_.next()) {
    if (item == Item::kEvent) count(load, parser_.event(), now, tally);
  }
}

// The index of the event's topic among its own.
std::size_t Subscriber::topic_of(const Load& load, const MessageEvent& event) const {
  if (load.topics_each == 1) return 0;
  for (std::size_t i = 0; i < load.topics_each; ++i) {
    if (event.topic == topic_name(load, first_topic(load) + i)) return i;
  }
  throw std::runtime_error("the server sent an event of another topic");
}

void Subscriber::count(const Load& load, const MessageEvent& event, std::int64_t now, Tally& tally) {
  std::uint64_t sequence = 0;
  std::int64_t published = 0;
  if (!read_payload(event.data, sequence, published)) {
    if (event.type == protocol::kGapEventType) ++tally.gaps;
    return;
  }
  std::uint64_t& next = next_sequences_[topic_of(load, event)];
  if (sequence < next) {
    ++(sequence + 1 == next ? tally.doubled : tally.out_of_order);
    return;
  }
  (load.conflate > 0 ? tally.skipped : tally.lost) += sequence - next;
  next = sequence + 1;
  tally.deliveries.store(tally.deliveries.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  tally.latency.add(now - published);
  tally.last_delivery_ns = now;
  if (load.topics == 1 && sequence < Tally::kFollowed) {
    Tally::Arrivals& arrivals = tally.arrivals[sequence];
    ++arrivals.count;
    arrivals.published_ns = published;
    arrivals.last_ns = now;
  }
}

}  // namespace millrace::load
