// prometheus_metrics(): the format of `/metrics` that Prometheus reads. Link `millrace::metrics`.
//
//   millrace::Server server({.metrics = millrace::prometheus_metrics()});
//   server.operations();
#pragma once

#include <memory>

#include "millrace/server/metrics_format.h"

namespace millrace {

/// Prometheus' text format, version 0.0.4.
std::shared_ptr<const MetricsFormat> prometheus_metrics();

}  // namespace millrace
