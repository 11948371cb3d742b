// EmptyStore: a store of the test's own that is always empty. Tests derive from it, and do what they are about.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/event_store.h"

namespace millrace::test {

class EmptyStore : public EventStore {
 public:
  explicit EmptyStore(std::string epoch = new_store_epoch()) : epoch_(std::move(epoch)) {}
  void start(Callbacks) override {}
  void stop() override {}
  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return 0; }
  std::uint64_t oldest() const override { return 1; }
  void append(std::span<const Publication>, std::span<std::uint64_t>) override {}
  std::optional<std::uint64_t> find(std::string_view, const TopicFilter&) const override { return {}; }
  std::optional<std::uint64_t> finished_at(const TopicFilter&, std::uint64_t) const override { return {}; }
  Page read_after(std::uint64_t sequence, const TopicFilter&) const override { return {.through = sequence}; }
  StoreStatus status() const override { return {}; }
  StoreStatistics statistics() const override { return {}; }

 private:
  const std::string epoch_;
};

}  // namespace millrace::test
