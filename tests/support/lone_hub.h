// LoneHub: a hub and its log, without a server around them.
#pragma once

#include <utility>

#include "log/feed.h"
#include "millrace/server/hub.h"

namespace millrace::test {

class LoneHub : public Feed, public Hub {
 public:
  explicit LoneHub(Feed::Options options) : Feed(std::move(options)), Hub(static_cast<Feed&>(*this)) {}

  using Hub::statistics;
  using Hub::Statistics;
  using Hub::trouble;
};

}  // namespace millrace::test
