// RetainedShares: which publisher has retained how much, and the bound of each, so that no publisher can take all the
// room for retained events. Any thread.
//
// It knows what has been published through this server since its start. It follows the log closely, not exactly: where
// two requests publish to a topic at the same time, it may count the one for the other until the topic's next event.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/string_map.h"
#include "millrace/server/publication.h"
#include "mutex.h"

namespace millrace {

class RetainedShares {
  struct Amount {
    std::size_t topics = 0;
    std::size_t bytes = 0;
  };
  using Holder = StringMap<Amount>::value_type;

 public:
  /// Of one publisher, with the options' names for sentences.
  struct Bounds {
    std::size_t topics;
    std::size_t bytes;
    std::string topics_option;
    std::string bytes_option;
  };

  explicit RetainedShares(Bounds bounds) : bounds_(std::move(bounds)) {}

  /// Room that publications take before they are in the log. The destructor gives it back; settle() counts what the
  /// log has taken instead.
  class Reservation {
   public:
    explicit Reservation(RetainedShares* shares) : shares_(shares) {}
    Reservation(Reservation&& other) noexcept
        : shares_(std::exchange(other.shares_, nullptr)), taken_(std::move(other.taken_)) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();

   private:
    friend class RetainedShares;
    RetainedShares* shares_;
    std::vector<std::pair<Holder*, Amount>> taken_;
  };

  /// Takes room for those that are to be retained, for each from the share of Publication::retained_by. Returns
  /// nothing, and sets `why` to a sentence, if one of these clients has no room left.
  std::optional<Reservation> reserve(std::span<const Publication> publications, std::string& why);

  /// The log has taken the publications, with these sequences (0: a repeated one, which changes nothing).
  void settle(Reservation reservation, std::span<const Publication> publications,
              std::span<const std::uint64_t> sequences);

 private:
  // The retained event of a topic.
  struct Held {
    Holder* holder;  // the map's entries do not move
    std::size_t bytes;
  };

  Holder& holder(std::string_view client) REQUIRES(mutex_);
  void add(Holder& holder, const Amount& amount) REQUIRES(mutex_);
  void subtract(Holder& holder, const Amount& amount) REQUIRES(mutex_);
  void release(Reservation& reservation) REQUIRES(mutex_);
  void drop(std::string_view topic) REQUIRES(mutex_);
  void settle(const Publication& publication) REQUIRES(mutex_);
  std::optional<std::string> take(const Publication& publication, std::string_view topic, Reservation& reservation)
      REQUIRES(mutex_);

  const Bounds bounds_;
  std::atomic<bool> holds_any_ = false;  // without, publishers of other events do not wait for the lock
  Mutex mutex_;
  StringMap<Amount> publishers_ GUARDED_BY(mutex_);  // with what is reserved; without entries of 0 bytes
  StringMap<Held> topics_ GUARDED_BY(mutex_);        // whose retained event has a publisher
};

}  // namespace millrace
