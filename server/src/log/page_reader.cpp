#include "page_reader.h"

#include <chrono>
#include <exception>

#include "millrace/server/limits.h"
#include "millrace/server/topic_filter.h"
#include "thread_name.h"

namespace millrace {

PageReader::PageReader(Read read)
    : read_(std::move(read)), thread_([this] {
        name_this_thread("millrace-pages");
        run();
      }) {}

PageReader::~PageReader() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  requested_.notify_all();
  {
    const MutexLock lock(flight_->mutex);
    flight_->stopped = true;
  }
  flight_->landed.notify_all();
  thread_.join();
}

void PageReader::request(Feed::Sink& sink, std::uint64_t ticket, const Place& place,
                         std::shared_ptr<const TopicFilter> filter) {
  const Key key{place, filter.get()};
  const MutexLock lock(mutex_);
  const auto [request, is_new] = requests_.try_emplace(key);
  request->second.waiters.push_back({&sink, ticket});
  if (!is_new) return;
  request->second.filter = std::move(filter);
  order_.push_back(key);
  requested_.notify_all();
}

void PageReader::forget(const Feed::Sink& sink) {
  const MutexLock lock(mutex_);
  for (auto& [key, request] : requests_) {
    std::erase_if(request.waiters, [&sink](const Waiter& waiter) { return waiter.sink == &sink; });
  }
  std::erase_if(order_, [this](const Key& key) REQUIRES(mutex_) { return requests_.at(key).waiters.empty(); });
  std::erase_if(requests_, [](const auto& entry) { return entry.second.waiters.empty(); });
}

void PageReader::run() {
  while (take_off()) {
    MutexLock lock(mutex_);
    requested_.wait(lock, [this]() REQUIRES(mutex_) { return stopped_ || !order_.empty(); });
    if (stopped_) return;
    const Key key = order_.front();
    const std::shared_ptr<const TopicFilter> filter = requests_.at(key).filter;
    lock.unlock();
    const Feed::PagePtr page = read(key, filter);
    lock.lock();
    if (stopped_) return;
    if (page == nullptr) {
      requested_.wait_for(lock, kStoreRetry, [this]() REQUIRES(mutex_) { return stopped_; });
      continue;
    }
    // Meanwhile more subscribers may wait for this page, or none any more.
    const auto request = requests_.find(key);
    if (request == requests_.end()) continue;
    // If memory runs out here, the program ends: a subscriber would wait for its page for ever.
    [&]() noexcept {
      for (const Waiter& waiter : request->second.waiters) waiter.sink->post_page(waiter.ticket, page);
    }();
    std::erase(order_, key);
    requests_.erase(request);
  }
}

// Waits until another page may be in flight. Returns false if the reader must stop.
bool PageReader::take_off() {
  MutexLock lock(flight_->mutex);
  flight_->landed.wait(
      lock, [this]() REQUIRES(flight_->mutex) { return flight_->stopped || flight_->pages < kStoredPagesInFlight; });
  return !flight_->stopped;
}

// Returns null if the page cannot be read now.
Feed::PagePtr PageReader::read(const Key& key, const std::shared_ptr<const TopicFilter>& filter) {
  try {
    // A page that counts as in flight as long as it exists.
    struct Flying {
      explicit Flying(std::shared_ptr<Flight> in) : flight(std::move(in)) {
        const MutexLock lock(flight->mutex);
        ++flight->pages;
      }
      ~Flying() {
        {
          const MutexLock lock(flight->mutex);
          --flight->pages;
        }
        flight->landed.notify_all();
      }
      Flying(const Flying&) = delete;
      Flying& operator=(const Flying&) = delete;
      const std::shared_ptr<Flight> flight;
      Feed::Page page = {};
    };
    const auto flying = std::make_shared<Flying>(flight_);
    flying->page = read_(key.first, *filter);
    return {flying, &flying->page};
  } catch (const std::exception&) {
    // The store itself reports the reason to operators; after a lack of memory, a retry may succeed.
    return nullptr;
  }
}

}  // namespace millrace
