#include "connection_loop.h"

#include <unistd.h>

#include <future>
#include <utility>

#include "connection.h"

namespace millrace {

ConnectionLoop::ConnectionLoop(Hub& hub, const Settings& settings, std::atomic<std::size_t>& connections,
                               Dispatch dispatch)
    : hub_(hub), settings_(settings), connection_count_(connections), dispatch_(std::move(dispatch)) {
  hub_.attach(*this);
  thread_ = std::thread([this] { run(); });
}

ConnectionLoop::~ConnectionLoop() {
  hub_.detach(*this);
  loop_.stop();
  thread_.join();
}

void ConnectionLoop::run() {
  loop_.run([this] { end_turn(); });
  while (!connections_.empty()) {
    connections_.back()->close();
    end_turn();
  }
}

void ConnectionLoop::adopt(int socket) {
  ++connection_count_;
  loop_.defer([this, socket] {
    auto connection = std::make_unique<Connection>(*this, socket);
    connection->index_ = connections_.size();
    connections_.push_back(std::move(connection));
    if (!connections_.back()->start()) connections_.back()->close();
  });
}

void ConnectionLoop::discard(Connection& connection) {
  discarded_.push_back(&connection);
}

std::size_t ConnectionLoop::disconnect(std::string_view client) {
  std::promise<std::size_t> cut;
  loop_.defer([&] {
    std::vector<Subscriber*> named;
    subscribers_.for_each([&](Subscriber& subscriber) {
      if (subscriber.client() == client) named.push_back(&subscriber);
    });
    for (Subscriber* subscriber : named) static_cast<Connection&>(subscriber->output()).close();
    cut.set_value(named.size());
  });
  return cut.get_future().get();
}

void ConnectionLoop::post(const FramePtr& frame) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(frame);
  }
  loop_.wake();
}

// What has piled up goes out together: one write for each subscriber, however many events there are.
void ConnectionLoop::end_turn() {
  {
    const std::lock_guard lock(mutex_);
    batch_.swap(posted_);
  }
  if (!batch_.empty()) {
    subscribers_.deliver(batch_);
    delivered_ = batch_.back()->sequence;
    batch_.clear();
  }
  for (Connection* connection : discarded_) {
    const std::size_t index = connection->index_;
    connections_[index].swap(connections_.back());
    connections_[index]->index_ = index;
    connections_.pop_back();
    --connection_count_;
  }
  discarded_.clear();
}

}  // namespace millrace
