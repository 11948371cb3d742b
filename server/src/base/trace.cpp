#include "millrace/server/trace.h"

#include <httplib.h>

#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/protocol.h"
#include "trace_context.h"

namespace millrace {

namespace {

std::vector<std::string_view> values_of(const httplib::Request& request, std::string_view name) {
  const auto [begin, end] = request.headers.equal_range(std::string(name));
  std::vector<std::string_view> values;
  for (auto field = begin; field != end; ++field) values.emplace_back(field->second);
  return values;
}

}  // namespace

OwnedTraceContext trace_of(const httplib::Request& request) {
  const auto parents = values_of(request, protocol::kTraceParentField);
  if (parents.empty()) return {};
  return trace_context(parents, values_of(request, protocol::kTraceStateField));
}

}  // namespace millrace
