// PageReader: reads pages of a store for subscribers that are far behind, on its own thread, so that no event loop
// waits for a disk or a network.
//
// Each subscriber has at most one request here; subscribers at the same position share a request. At most
// kStoredPagesInFlight pages are in flight to subscribers at once, however many of them wait. If the store cannot be
// read, the reader tries again until it can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "feed.h"
#include "mutex.h"

namespace millrace {

/// Pages of a store (each of 64 events and 256 KiB, or one event more) that are in flight to subscribers that catch up,
/// at once.
inline constexpr std::size_t kStoredPagesInFlight = 32;

class PageReader {
 public:
  /// What reads; it may wait, and throws StoreUnavailable where it cannot.
  using Read = std::function<Feed::Page(const Place& place, const TopicFilter& filter)>;

  explicit PageReader(Read read);
  /// Waits for the page that is being read.
  ~PageReader();

  /// As Feed::read_stored(). Any thread.
  void request(Feed::Sink& sink, std::uint64_t ticket, const Place& place, std::shared_ptr<const TopicFilter> filter);

  /// Forgets what this sink has asked for. It gets nothing more once this has returned.
  void forget(const Feed::Sink& sink);

 private:
  struct Waiter {
    Feed::Sink* sink;
    std::uint64_t ticket;
  };
  struct Wanted {
    std::shared_ptr<const TopicFilter> filter;
    std::vector<Waiter> waiters;
  };
  using Key = std::pair<Place, const TopicFilter*>;

  // How many pages are on their way. Shared with them, since some may outlive the reader.
  struct Flight {
    Mutex mutex;
    Condition landed;
    std::size_t pages GUARDED_BY(mutex) = 0;
    bool stopped GUARDED_BY(mutex) = false;
  };

  void run();
  bool take_off();
  Feed::PagePtr read(const Key& key, const std::shared_ptr<const TopicFilter>& filter);

  const Read read_;
  const std::shared_ptr<Flight> flight_ = std::make_shared<Flight>();
  Mutex mutex_;
  Condition requested_;
  std::map<Key, Wanted> requests_ GUARDED_BY(mutex_);
  std::deque<Key> order_ GUARDED_BY(mutex_);  // of the requests
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
