#include "millrace/server/metrics/prometheus.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "open_metrics.h"

namespace millrace {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric sample(const Metric& metric, const Metric::Sample& given) {
  ClientMetric made;
  for (const auto& [name, value] : given.labels) made.label.push_back({.name = name, .value = value});
  (metric.kind == Metric::Kind::kCounter ? made.counter.value : made.gauge.value) = given.value;
  return made;
}

ClientMetric histogram(const Metric& metric) {
  ClientMetric made;
  for (const Metric::Bucket& one : metric.buckets) {
    made.histogram.bucket.push_back({.cumulative_count = one.cumulative_count, .upper_bound = one.upper_bound});
  }
  made.histogram.sample_count = metric.count;
  made.histogram.sample_sum = metric.sum;
  return made;
}

MetricType type_of(Metric::Kind kind) {
  switch (kind) {
    case Metric::Kind::kCounter:
      return MetricType::Counter;
    case Metric::Kind::kGauge:
      return MetricType::Gauge;
    case Metric::Kind::kHistogram:
      break;
  }
  return MetricType::Histogram;
}

MetricFamily family(const Metric& metric) {
  MetricFamily made{.name = metric.name, .help = metric.help, .type = type_of(metric.kind), .metric = {}};
  if (metric.kind == Metric::Kind::kHistogram) made.metric.push_back(histogram(metric));
  for (const Metric::Sample& given : metric.samples) made.metric.push_back(sample(metric, given));
  return made;
}

class PrometheusFormat final : public MetricsFormat {
 public:
  std::string content_type() const override { return "text/plain; version=0.0.4"; }

  std::string text(std::span<const Metric> metrics) const override {
    std::vector<MetricFamily> families;
    families.reserve(metrics.size());
    for (const Metric& metric : metrics) families.push_back(family(metric));
    return prometheus::TextSerializer().Serialize(families);
  }

  const MetricsFormat& accepted_by(std::string_view accept) const override {
    if (prefers_open_metrics(accept)) return open_metrics_;
    return *this;
  }

 private:
  const OpenMetrics open_metrics_{};
};

}  // namespace

std::shared_ptr<const MetricsFormat> prometheus_metrics() {
  return std::make_shared<PrometheusFormat>();
}

}  // namespace millrace
