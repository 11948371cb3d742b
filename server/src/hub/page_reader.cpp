#include "page_reader.h"

#include <chrono>

#include "../stream/topic_filter.h"
#include "millrace/core/limits.h"

namespace millrace {

PageReader::PageReader(Read read) : read_(std::move(read)), thread_([this] { run(); }) {}

PageReader::~PageReader() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  requested_.notify_all();
  {
    const std::lock_guard lock(flight_->mutex);
    flight_->stopped = true;
  }
  flight_->landed.notify_all();
  thread_.join();
}

void PageReader::request(Hub::Sink& sink, std::uint64_t ticket, std::uint64_t sequence,
                         std::shared_ptr<const TopicFilter> filter) {
  const Key key{sequence, filter.get()};
  const std::lock_guard lock(mutex_);
  Request& request = requests_[key];
  if (request.waiters.empty()) {
    request.filter = std::move(filter);
    order_.push_back(key);
    requested_.notify_all();
  }
  request.waiters.push_back({&sink, ticket});
}

void PageReader::forget(const Hub::Sink& sink) {
  const std::lock_guard lock(mutex_);
  for (auto& [key, request] : requests_) {
    std::erase_if(request.waiters, [&sink](const Waiter& waiter) { return waiter.sink == &sink; });
  }
  std::erase_if(order_, [this](const Key& key) { return requests_.at(key).waiters.empty(); });
  std::erase_if(requests_, [](const auto& entry) { return entry.second.waiters.empty(); });
}

void PageReader::run() {
  while (take_off()) {
    std::unique_lock lock(mutex_);
    requested_.wait(lock, [this] { return stopped_ || !order_.empty(); });
    if (stopped_) return;
    const Key key = order_.front();
    const std::shared_ptr<const TopicFilter> filter = requests_.at(key).filter;
    lock.unlock();
    const Hub::PagePtr page = read(key, filter);
    lock.lock();
    if (stopped_) return;
    if (page == nullptr) {
      requested_.wait_for(lock, kStoreRetry, [this] { return stopped_; });
      continue;
    }
    // Meanwhile others may have come to the same place, or all have gone.
    const auto request = requests_.find(key);
    if (request == requests_.end()) continue;
    for (const Waiter& waiter : request->second.waiters) waiter.sink->post_page(waiter.ticket, page);
    std::erase(order_, key);
    requests_.erase(request);
  }
}

// Waits until another page may be under way. False: there is to be none.
bool PageReader::take_off() {
  std::unique_lock lock(flight_->mutex);
  flight_->landed.wait(lock, [this] { return flight_->stopped || flight_->pages < kStoredPagesInFlight; });
  return !flight_->stopped;
}

// Null if it cannot be read now.
Hub::PagePtr PageReader::read(const Key& key, const std::shared_ptr<const TopicFilter>& filter) {
  auto page = std::make_unique<Hub::Page>();
  try {
    *page = read_(key.first, *filter);
  } catch (const StoreUnavailable&) {
    return nullptr;  // the store itself says why, to those who run the server
  }
  const std::lock_guard lock(flight_->mutex);
  ++flight_->pages;
  return {page.release(), [flight = flight_](const Hub::Page* landed) {
            delete landed;
            {
              const std::lock_guard flight_lock(flight->mutex);
              --flight->pages;
            }
            flight->landed.notify_all();
          }};
}

}  // namespace millrace
