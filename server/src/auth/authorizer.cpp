#include "millrace/server/authorizer.h"

#include <vector>

#include "mutex.h"

namespace millrace {

// A separate object, so that the authorizer may be destroyed while its watchers are called.
struct Authorizer::Watchers {
  using OnChange = std::function<void()>;

  Mutex mutex;
  std::vector<std::weak_ptr<const OnChange>> all GUARDED_BY(mutex);

  std::shared_ptr<void> add(OnChange on_change) {
    auto added = std::make_shared<OnChange>(std::move(on_change));
    const MutexLock lock(mutex);
    std::erase_if(all, [](const auto& watcher) { return watcher.expired(); });
    all.push_back(added);
    return added;
  }

  // Not under the lock: a callback may call watch() or changed().
  void call() {
    std::vector<std::weak_ptr<const OnChange>> now;
    {
      const MutexLock lock(mutex);
      now = all;
    }
    for (const auto& watcher : now) {
      if (const auto on_change = watcher.lock()) (*on_change)();
    }
  }
};

Authorizer::Authorizer() : watchers_(std::make_shared<Watchers>()) {}
Authorizer::Authorizer(const Authorizer& /*other*/) : Authorizer() {}
// NOLINTNEXTLINE(bugprone-unhandled-self-assignment): nothing is assigned
Authorizer& Authorizer::operator=(const Authorizer& /*other*/) {
  return *this;
}
Authorizer::~Authorizer() = default;

void Authorizer::changed() const {
  watchers_->call();
}

std::shared_ptr<void> Authorizer::watch(std::function<void()> on_change) const {
  return watchers_->add(std::move(on_change));
}

std::shared_ptr<void> Authorizer::pass_on_changes_of(const Authorizer& other) const {
  return other.watch([watchers = std::weak_ptr(watchers_)] {
    if (const auto watched = watchers.lock()) watched->call();
  });
}

}  // namespace millrace
