#include "millrace/server/any_authorizer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace millrace {

AnyAuthorizer::AnyAuthorizer(std::vector<std::shared_ptr<const Authorizer>> authorizers)
    : authorizers_(std::move(authorizers)) {
  const bool whole =
      std::all_of(authorizers_.begin(), authorizers_.end(), [](const auto& one) { return one != nullptr; });
  if (authorizers_.empty() || !whole) {
    throw std::invalid_argument("AnyAuthorizer: needs at least one authorizer, and none of them null");
  }
}

Authorizer::Decision AnyAuthorizer::decide(const httplib::Request& request, Action action,
                                           const std::vector<std::string>& topics) const {
  Decision refusal{.status = 0};
  for (const auto& authorizer : authorizers_) {
    Decision decision = authorizer->decide(request, action, topics);
    if (decision.status == 200) return decision;
    if (decision.status > refusal.status) refusal = std::move(decision);
  }
  return refusal;
}

}  // namespace millrace
