// FunctionAuthorizer: an Authorizer that calls a function of yours.
//
//   options.authorizer = std::make_shared<millrace::FunctionAuthorizer>(
//       [&](const httplib::Request& request, millrace::Authorizer::Action action, const auto& topics) {
//         return sessions.decide(request.get_header_value("Cookie"), action, topics);
//       });
#pragma once

#include <functional>

#include "millrace/server/authorizer.h"

namespace millrace {

/// An authorizer that calls a function.
class FunctionAuthorizer final : public Authorizer {
 public:
  /// Returns what Authorizer::decide() returns. Called from worker threads, several at once. If it throws, the client
  /// gets 500.
  using Function = std::function<Decision(const httplib::Request&, Action, const TopicPatterns& topics)>;

  /// Throws std::invalid_argument if the function is empty.
  explicit FunctionAuthorizer(Function function);

  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

 private:
  const Function function_;
};

}  // namespace millrace
