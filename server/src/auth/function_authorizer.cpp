#include "millrace/server/function_authorizer.h"

#include <stdexcept>
#include <utility>

namespace millrace {

FunctionAuthorizer::FunctionAuthorizer(Function function) : function_(std::move(function)) {
  if (function_ == nullptr) throw std::invalid_argument("FunctionAuthorizer: expected a function");
}

Authorizer::Decision FunctionAuthorizer::decide(const httplib::Request& request, Action action,
                                                const TopicPatterns& topics) const {
  return function_(request, action, topics);
}

}  // namespace millrace
