// IndexedStore: an EventStore for logs that fit into memory. It holds all entries there, with indexes. A class of your
// own derives from it and only makes the entries survive.
//
//   class MyStore final : public millrace::IndexedStore {
//    public:
//     MyStore() : IndexedStore(saved_epoch(), saved_entries(), 10'000) {}
//
//    private:
//     void persist(std::span<const millrace::LogEntry> entries) override { … encode_entry(entries[0]) … }
//   };
//
// Any thread, as EventStore says. One append runs at a time, and readers wait for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"

namespace millrace {

/// An EventStore with its entries in memory. See EventStore for the members without a comment.
class IndexedStore : public EventStore {
 public:
  ~IndexedStore() override;
  IndexedStore(const IndexedStore&) = delete;
  IndexedStore& operator=(const IndexedStore&) = delete;

  void start(Callbacks callbacks) override;
  void stop() override;
  const std::string& epoch() const override;
  std::uint64_t head() const override;
  std::uint64_t oldest() const override;
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override;
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;
  StoreStatus status() const override;
  bool takes_several_topics() const override { return true; }
  StoreStatistics statistics() const override;

 protected:
  /// `entries`: the surviving entries, ordered by sequence, without gaps. The store keeps the newest `max_entries` (at
  /// least 1). For a new store pass new_store_epoch() and no entries. Throws StoreUnavailable if the sequences have a
  /// gap, and std::invalid_argument if `max_entries` is 0.
  IndexedStore(std::string epoch, std::vector<LogEntry> entries, std::uint64_t max_entries);

 private:
  /// Makes the entries survive, all or none, before it returns. If it throws, none of them may reappear at the next
  /// start; append() then refuses the publications with the exception's text. One thread at a time.
  virtual void persist(std::span<const LogEntry> entries) = 0;

  /// Reports that the store no longer holds the entries up to this sequence, so that what persist() has written of them
  /// may be deleted. Called after persist(), on its thread. Must not throw.
  virtual void forget(std::uint64_t /*through*/) {}

  struct State;
  const std::unique_ptr<State> state_;
};

/// Encodes the entry for decode_entry(): numbers as text, then its texts byte for byte, then a line end. A file may
/// hold any number of records in a row.
std::string encode_entry(const LogEntry& entry);

/// Reads the first record of `bytes` and removes it from `bytes`. If that record is incomplete or invalid, for example
/// after a crash while it was written, it returns nothing and removes nothing.
std::optional<LogEntry> decode_entry(std::string_view& bytes);

}  // namespace millrace
