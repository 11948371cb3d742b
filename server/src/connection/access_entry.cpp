#include "access_entry.h"

#include <algorithm>
#include <utility>

#include "base/failure.h"
#include "base/trace_context.h"
#include "http/field_text.h"
#include "http/field_values.h"
#include "millrace/core/protocol.h"

namespace millrace {

AccessEntryPtr begin_access(const ServerOptions& options, std::string_view request, std::string_view address,
                            TimePoint now) {
  if (options.on_access == nullptr) return nullptr;
  auto entry = std::make_shared<AccessEntry>();
  entry->began = now;
  entry->record.address = address;
  const std::string_view line = request.substr(0, request.find_first_of("\r\n"));
  const std::string_view method = line.substr(0, line.find(' '));
  if (!is_token(method) || method.size() == line.size()) return entry;
  const std::string_view target = line.substr(method.size() + 1);
  entry->record.method = method;
  entry->record.path = target.substr(0, target.find_first_of("? "));
  if (const auto parents = field_values(request, protocol::kTraceParentField); !parents.empty()) {
    const OwnedTraceContext trace = trace_context(parents, field_values(request, protocol::kTraceStateField));
    entry->record.traceparent = trace.parent();
    entry->record.tracestate = trace.state();
  }
  return entry;
}

void end_access(const ServerOptions& options, AccessEntryPtr entry, TimePoint now) {
  if (entry == nullptr) return;
  entry->record.duration = now - entry->began;
  call_guarded(options.on_failure, "on_access", [&] { options.on_access(entry->record); });
}

}  // namespace millrace
