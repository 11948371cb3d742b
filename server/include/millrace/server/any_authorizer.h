// AnyAuthorizer: several authorizers, one of which must allow a request.
//
// For example, services publish with a key while browsers subscribe with tokens. It asks the authorizers in order; the
// first that allows decides. If none allows, it returns a 403 rather than a 401, because one authorizer knew the
// client.
//
//   options.authorizer = std::make_shared<millrace::AnyAuthorizer>(std::vector{keys, tokens});
#pragma once

#include <memory>
#include <vector>

#include "millrace/server/authorizer.h"

namespace millrace {

/// An authorizer that asks several others.
class AnyAuthorizer final : public Authorizer {
 public:
  /// Throws std::invalid_argument if the list is empty or contains a null pointer.
  explicit AnyAuthorizer(std::vector<std::shared_ptr<const Authorizer>> authorizers);

  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

  /// True if one of the authorizers may block.
  bool may_block() const override;

  /// True if one of the authorizers may read them.
  bool reads_addresses() const override;

 private:
  const std::vector<std::shared_ptr<const Authorizer>> authorizers_;
  std::vector<std::shared_ptr<void>> watches_;  // of the authorizers
};

}  // namespace millrace
