// How a handler says no: a status, and a JSON object `{"error": "<sentence>"}`.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/authorizer.h"

namespace millrace {

void refuse(httplib::Response& response, int status, std::string_view sentence);

/// What the authorizer decides if it allows the action; else nothing, and the response says why.
std::optional<Authorizer::Decision> allowed(const Authorizer& authorizer, const httplib::Request& request,
                                            httplib::Response& response, Authorizer::Action action,
                                            const std::vector<std::string>& topics);

}  // namespace millrace
