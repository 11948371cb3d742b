// DemoAccess: access to the demo's routes, which change what every visitor sees.
//
//   kOpen            every client whose Host and Origin the server accepts: with --insecure, or on a loopback address
//                    without an authorizer
//   kByRights        clients with a key or token for the topic: on a loopback address
//   kAdministrators  administrators only: on an address that other machines can reach
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/server/guarded_route.h"

namespace millrace::demo {

enum class DemoAccess { kOpen, kByRights, kAdministrators };

/// For GuardedRoute::right: this action on the request's topic.
inline GuardedRoute::RightOf right_to(DemoAccess access, Authorizer::Action action,
                                      std::function<std::string(const httplib::Request&)> topic_of) {
  if (access == DemoAccess::kOpen) return GuardedRoute::no_right;
  if (access == DemoAccess::kAdministrators) return nullptr;
  return [action, topic_of = std::move(topic_of)](const httplib::Request& request) {
    return std::optional(DemandedRight{.action = action, .topics = {topic_of(request)}});
  };
}

inline GuardedRoute::RightOf right_to_administer(DemoAccess access) {
  return access == DemoAccess::kOpen ? GuardedRoute::RightOf(GuardedRoute::no_right) : nullptr;
}

}  // namespace millrace::demo
