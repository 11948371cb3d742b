// AnyAuthorizer: several authorizers, of which one has to allow it.
//
// So services can publish with a key while browsers subscribe with tokens. They are asked in order, and the first that
// allows it decides. If none does, a 403 outweighs a 401: somebody knew who asks.
//
//   options.authorizer = std::make_shared<millrace::AnyAuthorizer>(std::vector{keys, tokens});
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"

namespace millrace {

class AnyAuthorizer final : public Authorizer {
 public:
  /// Throws std::invalid_argument if the list is empty or holds a null pointer.
  explicit AnyAuthorizer(std::vector<std::shared_ptr<const Authorizer>> authorizers);

  Decision decide(const httplib::Request& request, Action action,
                  const std::vector<std::string>& topics) const override;

 private:
  const std::vector<std::shared_ptr<const Authorizer>> authorizers_;
  std::vector<std::shared_ptr<void>> watches_;  // of them
};

}  // namespace millrace
