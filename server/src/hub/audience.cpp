#include "audience.h"

namespace millrace {

void Audience::add(const TopicFilter& filter) {
  for (const TopicPattern& pattern : filter.patterns()) {
    auto& listened = patterns_[std::string(pattern.view())];
    if (listened == nullptr) {
      listened = std::make_unique<Listened>();
      tree_.add(pattern, *listened, listened->entry);
    }
    ++listened->subscriptions;
  }
}

void Audience::remove(const TopicFilter& filter) {
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto found = patterns_.find(pattern.view());
    if (found == patterns_.end() || --found->second->subscriptions > 0) continue;
    tree_.remove(found->second->entry);
    patterns_.erase(found);
  }
}

bool Audience::listens_to(Topic topic) const {
  bool listens = false;
  tree_.match(topic, [&](const Listened&) {
    listens = true;
    return false;
  });
  return listens;
}

}  // namespace millrace
