// PageReader: reads pages of a store on its own thread for subscribers that are far behind, so that no event loop waits
// for a disk or a network.
//
// Each subscriber has at most one request; subscribers at the same position share one. At most kStoredPagesInFlight
// pages are in flight to subscribers, however many subscribers wait. While the store cannot be read, the reader keeps
// trying.
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

/// Pages of a store (each up to 64 events, and 256 KiB or one event more) in flight to subscribers that catch up.
inline constexpr std::size_t kStoredPagesInFlight = 32;

class PageReader {
 public:
  /// Reads a page; may wait; throws StoreUnavailable if it cannot read.
  using Read = std::function<Feed::Page(const Place& place, const TopicFilter& filter)>;

  explicit PageReader(Read read);
  /// Waits for the current page.
  ~PageReader();

  /// Like Feed::read_stored(). Any thread.
  void request(Feed::Sink& sink, std::uint64_t ticket, const Place& place, std::shared_ptr<const TopicFilter> filter);

  /// Drops this sink's requests. No page reaches the sink after it returns.
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

  // Counts the pages in flight. Shared with the pages, because some may outlive the reader.
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
  std::deque<Key> order_ GUARDED_BY(mutex_);  // order of the requests
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
