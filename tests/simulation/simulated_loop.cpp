#include "simulated_loop.h"

#include <utility>

#include "simulated_stream.h"

namespace millrace::simulation {

SimulatedServer::Loop::~Loop() {
  hub().detach(*this);
}

void SimulatedServer::Loop::expect_turn() {
  if (std::exchange(turn_expected_, true)) return;
  server_.schedule_.after(server_.soon(), [this, life = server_.life_, &server = server_] {
    if (server.life_ == life) turn();
  });
}

void SimulatedServer::Loop::turn() {
  turn_expected_ = false;
  const bool takes_posted = subscribers_.batched() < server_.options_.max_posted;
  if (takes_posted) {
    std::vector<FramePtr> taken;
    taken.swap(posted_);
    subscribers_.post(taken);
    if (std::exchange(has_missed_frames_, false)) {
      subscribers_.for_each([](Subscriber& subscriber) { subscriber.fall_behind(); });
    }
  }
  if (subscribers_.has_more()) subscribers_.serve(server_.options_.served_at_once, *this);
  for (Stream* stream : discarded_) {
    std::erase_if(streams_, [&](const auto& each) { return each.get() == stream; });
  }
  discarded_.clear();
  if (subscribers_.has_more() || !takes_posted) expect_turn();
}

void SimulatedServer::Loop::write(std::span<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) {
    auto& stream = static_cast<Stream&>(delivery.subscriber->outlet());
    if (!delivery.chunks.empty() && stream.is_streaming()) {
      delivery.written = stream.write_chunks(delivery.chunks);
    } else {
      delivery.written = delivery.subscriber->outlet().write(delivery.frames, 0, delivery.subscriber->form());
    }
  }
}

void SimulatedServer::Loop::expect_timers() {
  const auto next = timers_.next();
  if (!next || *next >= timers_expected_) return;
  timers_expected_ = *next;
  server_.schedule_.at(*next, [this, life = server_.life_, &server = server_] {
    if (server.life_ != life) return;
    timers_expected_ = TimePoint::max();
    timers_.advance(server.schedule_.now());
    expect_timers();
  });
}

}  // namespace millrace::simulation
