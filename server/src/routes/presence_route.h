// presence_route(): `GET /presence?topic=…`, for those who only want to look who is there.
#pragma once

#include <string>

#include "hub/presence.h"
#include "millrace/server/guarded_route.h"

namespace millrace {

/// `presence` must outlive it.
GuardedRoute presence_route(std::string path, const Presence& presence);

}  // namespace millrace
