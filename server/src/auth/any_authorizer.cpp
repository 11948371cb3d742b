#include "millrace/server/any_authorizer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace millrace {

AnyAuthorizer::AnyAuthorizer(std::vector<std::shared_ptr<const Authorizer>> authorizers)
    : authorizers_(std::move(authorizers)) {
  const bool whole =
      std::all_of(authorizers_.begin(), authorizers_.end(), [](const auto& one) { return one != nullptr; });
  if (authorizers_.empty() || !whole) {
    throw std::invalid_argument("AnyAuthorizer: expected at least one authorizer, and no null pointer");
  }
  for (const auto& authorizer : authorizers_) watches_.push_back(pass_on_changes_of(*authorizer));
}

Authorizer::Decision AnyAuthorizer::decide(const httplib::Request& request, Action action,
                                           const TopicPatterns& topics) const {
  std::optional<Decision> refusal;
  for (const auto& authorizer : authorizers_) {
    Decision decision = authorizer->decide(request, action, topics);
    if (decision.is_allowed()) return decision;
    if (!refusal || decision.status() > refusal->status()) refusal = std::move(decision);
  }
  return *refusal;
}

bool AnyAuthorizer::may_block() const {
  return std::any_of(authorizers_.begin(), authorizers_.end(), [](const auto& one) { return one->may_block(); });
}

bool AnyAuthorizer::reads_addresses() const {
  return std::any_of(authorizers_.begin(), authorizers_.end(), [](const auto& one) { return one->reads_addresses(); });
}

}  // namespace millrace
