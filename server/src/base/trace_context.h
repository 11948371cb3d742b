// TraceContext: the trace that a request belongs to, as its client says. [W3C Trace Context] The server passes it on
// as it came, and takes no part in the trace. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

inline constexpr char kTraceParentHeader[] = "traceparent";
inline constexpr char kTraceStateHeader[] = "tracestate";

/// Longest traceparent, which only versions after 00 can reach, and longest tracestate; longer ones are ignored.
inline constexpr std::size_t kMaxTraceParentBytes = 128;
inline constexpr std::size_t kMaxTraceStateBytes = 512;

struct TraceContext {
  std::string parent;  ///< `00-<trace ID>-<parent ID>-<flags>`; empty: no trace
  std::string state;   ///< the vendors' own; empty without `parent`
};

/// Whether the text is `00-<32 hexadecimal digits>-<16>-<2>`, in lower case and with neither ID all zeros, or of a
/// later version that begins so.
bool is_trace_parent(std::string_view text);

/// What the values of a request's fields say. Two parents, or an invalid one, count as none; of an invalid state only
/// the parent counts.
TraceContext trace_context(const std::vector<std::string_view>& parents, const std::vector<std::string_view>& states);

}  // namespace millrace
