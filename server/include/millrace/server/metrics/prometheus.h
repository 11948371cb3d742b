// prometheus_metrics(): the formats of `/metrics` that Prometheus reads. Link `millrace::metrics`.
//
//   millrace::Server server({.metrics = millrace::prometheus_metrics()});
//   server.operations();
#pragma once

#include <memory>

#include "millrace/server/metrics_format.h"

namespace millrace {

/// Prometheus' text format, version 0.0.4; OpenMetrics 1.0, with exemplars, for clients that prefer it, as Prometheus
/// does.
std::shared_ptr<const MetricsFormat> prometheus_metrics();

}  // namespace millrace
