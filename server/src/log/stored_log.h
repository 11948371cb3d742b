// StoredLog: an EventStore as an EventLog, which returns frames. Any thread; may wait like the store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "event_log.h"
#include "millrace/server/event_store.h"

namespace millrace {

class StoredLog final : public EventLog {
 public:
  /// Throws InvalidOption if the store's epoch is invalid.
  explicit StoredLog(std::shared_ptr<EventStore> store);

  EventStore& store() const { return *store_; }

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return store_->head(); }
  std::uint64_t oldest() const override { return store_->oldest(); }
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override {
    return store_->find(publisher_id, filter);
  }
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override {
    return store_->finished_at(filter, seen);
  }
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  Page read_newest(const Place& place, const TopicFilter& filter) const override;
  std::uint64_t forgotten() const override { return oldest() - 1; }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    return store_->first_after(sequence, filter);
  }

 private:
  Page page_of(const EventStore::Page& read) const;

  const std::shared_ptr<EventStore> store_;
  const std::string epoch_;
};

}  // namespace millrace
