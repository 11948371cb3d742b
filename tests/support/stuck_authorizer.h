// StuckAuthorizer: makes an event loop stuck for as long as a test wants.
#pragma once

#include <latch>

#include "millrace/server/authorizer.h"

namespace millrace::test {

/// Blocks the event loop that asks it about a stream of the topic `stuck`, which an authorizer must not do.
class StuckAuthorizer final : public Authorizer {
 public:
  Decision decide(const httplib::Request&, Action action, const TopicPatterns& topics) const override {
    const bool is_stuck = action == Action::kSubscribe && topics.begin()->text() == "stuck";
    if (is_stuck) {
      is_asked.count_down();
      may_go.wait();
    }
    return Decision::allow();
  }
  bool may_block() const override { return false; }

  mutable std::latch is_asked{1};
  mutable std::latch may_go{1};
};

}  // namespace millrace::test
