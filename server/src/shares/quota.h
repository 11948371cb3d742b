// Quota: counts the things (connections, streams) of each holder, and limits them to its share. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "base/string_map.h"
#include "mutex.h"
#include "who.h"

namespace millrace {

class Quota {
 public:
  /// At most `max` for each holder. Without a value there is no bound, and nothing is counted.
  explicit Quota(std::optional<std::size_t> max) : max_(max) {}
  ~Quota();
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

  /// One counted thing. The destructor gives it back; the quota must outlive it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Share& operator=(Share&&) = delete;

    /// Nothing if it counts for nobody.
    std::optional<Who> holder() const {
      return entry_ != nullptr ? std::optional(Who::of_key(entry_->first)) : std::nullopt;
    }
    ~Share() {
      if (entry_ != nullptr) entry_->second.quota->give_back(*entry_);
    }

   private:
    friend class Quota;
    struct Held {
      Quota* quota;  // here, because a server has very many shares of few holders
      std::size_t count;
    };
    using Entry = StringMap<Held>::value_type;
    explicit Share(Entry* entry) : entry_(entry) {}

    Entry* entry_ = nullptr;  // the map's entries do not move
  };

  /// Counts one more; returns nothing if the holder has reached its maximum.
  std::optional<Share> take(const Who& holder);

 private:
  void give_back(Share::Entry& entry);

  const std::optional<std::size_t> max_;
  Mutex mutex_;
  StringMap<Share::Held> held_ GUARDED_BY(mutex_);  // without entries of 0
};

}  // namespace millrace
