#include "millrace/server/store_access.h"

#include <algorithm>

namespace millrace {

void StoreAccess::check_log(const StoreDescription& log) {
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (log.epoch.empty() || log.epoch.size() > EventStore::kMaxEpochBytes ||
      !std::all_of(log.epoch.begin(), log.epoch.end(), is_letter_or_digit)) {
    throw StoreUnavailable("epoch: expected 1 to " + std::to_string(EventStore::kMaxEpochBytes) +
                           " letters and digits");
  }
  if (log.head >= INT64_MAX || log.oldest == 0 || log.oldest > log.head + 1) {
    throw StoreUnavailable("oldest and head: expected 1 <= oldest <= head + 1, below 2^63");
  }
}

}  // namespace millrace
