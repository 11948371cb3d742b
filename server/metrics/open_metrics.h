// OpenMetrics: the text format that Prometheus prefers, with exemplars. prometheus-cpp 1.0 does not write it.
// [OpenMetrics 1.0.0]
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "millrace/server/metrics_format.h"

namespace millrace {

class OpenMetrics final : public MetricsFormat {
 public:
  std::string content_type() const override { return "application/openmetrics-text; version=1.0.0; charset=utf-8"; }
  std::string text(std::span<const Metric> metrics) const override;
};

/// Whether a client with this `Accept` gets OpenMetrics: it names the format, in version 1.0.0 or without a version,
/// with at least the weight of plain text. `*/*` names neither.
bool prefers_open_metrics(std::string_view accept);

}  // namespace millrace
