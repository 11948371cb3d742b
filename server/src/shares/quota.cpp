#include "quota.h"

#include <cassert>
#include <string>

namespace millrace {

std::optional<Quota::Share> Quota::take(const Who& holder) {
  if (!max_) return Share();
  const MutexLock lock(mutex_);
  auto entry = held_.find(holder.key());
  if (entry == held_.end()) entry = held_.emplace(std::string(holder.key()), Share::Held{this, 0}).first;
  if (entry->second.count >= *max_) return std::nullopt;
  ++entry->second.count;
  return Share(&*entry);
}

Quota::~Quota() {
  assert(held_.empty());
}

void Quota::give_back(Share::Entry& entry) {
  const MutexLock lock(mutex_);
  assert(entry.second.count > 0);
  if (--entry.second.count == 0) held_.erase(held_.find(entry.first));
}

}  // namespace millrace
