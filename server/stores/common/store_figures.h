// StoreFigures: what a store counts for /metrics. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "millrace/server/event_store.h"
#include "store_trouble.h"

namespace millrace {

struct StoreFigures {
  std::atomic<std::uint64_t> entries = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> commits = 0;

  StoreStatistics with(const StoreTrouble& trouble) const {
    return {.entries = entries,
            .bytes = bytes,
            .commits = commits,
            .failures = trouble.failures(),
            .takes_events = trouble.status().is_accepting()};
  }
};

}  // namespace millrace
