#include "metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <utility>

namespace millrace {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(std::string name, std::string help, MetricType type, std::vector<ClientMetric> metrics) {
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = std::move(metrics)};
}

MetricFamily counter(std::string name, std::string help, std::uint64_t value) {
  ClientMetric metric;
  metric.counter.value = static_cast<double>(value);
  return family(std::move(name), std::move(help), MetricType::Counter, {metric});
}

MetricFamily gauge(std::string name, std::string help, std::uint64_t value) {
  ClientMetric metric;
  metric.gauge.value = static_cast<double>(value);
  return family(std::move(name), std::move(help), MetricType::Gauge, {metric});
}

std::uint64_t sum(const MetricsSnapshot& snapshot, Counter LoopCounters::*counter) {
  std::uint64_t total = 0;
  for (const LoopCounters* loop : snapshot.loops) total += (loop->*counter).value();
  return total;
}

MetricFamily refusals(const RefusalCounters& counters) {
  std::vector<ClientMetric> metrics;
  for (const auto& [refusal, count] : counters.counts()) {
    const auto& [status, reason] = refusal;
    ClientMetric metric;
    metric.label = {{.name = "status", .value = std::to_string(status)},
                    {.name = "reason", .value = std::string(name_of(reason))}};
    metric.counter.value = static_cast<double>(count);
    metrics.push_back(std::move(metric));
  }
  return family("millrace_refusals_total", "Requests refused, by status and reason", MetricType::Counter,
                std::move(metrics));
}

MetricFamily sending(const SendingWays& ways) {
  std::vector<ClientMetric> metrics;
  for (const auto& [name, loops] :
       {std::pair{BatchSender::kIoUring, ways.io_uring}, std::pair{BatchSender::kSystemCalls, ways.send}}) {
    ClientMetric metric;
    metric.label = {{.name = "by", .value = std::string(name)}};
    metric.gauge.value = static_cast<double>(loops);
    metrics.push_back(std::move(metric));
  }
  return family("millrace_sending_loops", "Event loops, by the way they write to subscribers", MetricType::Gauge,
                std::move(metrics));
}

MetricFamily cut_streams(const MetricsSnapshot& snapshot) {
  std::vector<ClientMetric> metrics;
  for (const auto& [reason, count] : {std::pair{"too_slow", snapshot.cut_streams_too_slow},
                                      std::pair{"no_buffer_space", snapshot.cut_streams_no_space}}) {
    ClientMetric metric;
    metric.label = {{.name = "reason", .value = reason}};
    metric.counter.value = static_cast<double>(count);
    metrics.push_back(std::move(metric));
  }
  return family("millrace_cut_streams_total", "Request-scoped streams cut since their clients read too slowly",
                MetricType::Counter, std::move(metrics));
}

// In seconds, as Prometheus wants times.
MetricFamily latency(const MetricsSnapshot& snapshot) {
  constexpr auto& kBounds = LatencyHistogram::kBounds;
  ClientMetric metric;
  std::uint64_t cumulative = 0;
  std::uint64_t milliseconds = 0;
  for (std::size_t i = 0; i <= kBounds.size(); ++i) {
    for (const LoopCounters* loop : snapshot.loops) cumulative += loop->publish_to_write.count(i);
    if (i < kBounds.size()) {
      metric.histogram.bucket.push_back(
          {.cumulative_count = cumulative, .upper_bound = static_cast<double>(kBounds[i]) / 1000});
    }
  }
  for (const LoopCounters* loop : snapshot.loops) milliseconds += loop->publish_to_write.sum_milliseconds();
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = static_cast<double>(milliseconds) / 1000;
  return family("millrace_publish_to_write_seconds",
                "From publishing an event until the last live subscriber of an event loop had it, a sample a batch",
                MetricType::Histogram, {metric});
}

}  // namespace

std::string metrics_text(const MetricsSnapshot& snapshot) {
  const Hub::Statistics& hub = snapshot.hub;
  std::vector<MetricFamily> families{
      gauge("millrace_connections", "Connections open", snapshot.connections),
      gauge("millrace_streams", "Event streams open, the request-scoped ones included", snapshot.streams),
      gauge("millrace_catching_up_subscribers", "Subscribers that read from the log", snapshot.catching_up),
      counter("millrace_publishes_total", "Events published", hub.publishes),
      counter("millrace_repeated_publishes_total", "Publishes of an ID that the log already had", hub.repeated),
      counter("millrace_evictions_total", "Entries that have left the log", hub.evictions),
      gauge("millrace_log_entries", "Entries in the log", hub.entries),
      gauge("millrace_log_bytes", "Bytes of the entries in the log", hub.bytes),
      counter("millrace_deliveries_total", "Events written to subscribers", sum(snapshot, &LoopCounters::deliveries)),
      counter("millrace_delivered_bytes_total", "Bytes written to subscribers", sum(snapshot, &LoopCounters::bytes)),
      counter("millrace_gaps_total", "Gaps reported to subscribers", sum(snapshot, &LoopCounters::gaps)),
      gauge("millrace_buffered_bytes", "Bytes of large requests and responses in progress", snapshot.buffered_bytes),
      gauge("millrace_stream_buffered_bytes", "Of these, bytes that request-scoped streams keep for slow clients",
            snapshot.stream_buffered_bytes),
      gauge("millrace_pinned_bytes",
            "Bytes of events that have left the log, but that slow subscribers have only partly received",
            snapshot.pinned_bytes),
      counter("millrace_cut_subscribers_total", "Streams cut because slow subscribers kept too many of these bytes",
              sum(snapshot, &LoopCounters::pinned_cuts)),
      counter("millrace_cut_downloads_total", "Responses cut because their clients read too slowly",
              snapshot.cut_downloads),
      cut_streams(snapshot),
      refusals(*snapshot.refusals),
      sending(snapshot.sending),
      latency(snapshot),
  };
  if (snapshot.presence) {
    const Presence::Statistics& presence = *snapshot.presence;
    families.push_back(gauge("millrace_presence_topics", "Topics with listeners", presence.topics));
    families.push_back(
        gauge("millrace_presence_listeners", "Names of listeners, counted for each topic", presence.listeners));
    families.push_back(gauge("millrace_presence_bytes", "Bytes of presence", presence.bytes));
    families.push_back(counter("millrace_presence_events_total", "Changes of presence reported", presence.events));
    families.push_back(counter("millrace_presence_not_reported_total", "Subscriptions that presence has no room for",
                               presence.not_reported));
  }
  if (hub.store) {
    families.push_back(gauge("millrace_store_up", "Whether the store accepts events", hub.store->takes_events ? 1 : 0));
    families.push_back(gauge("millrace_store_entries", "Entries in the store", hub.store->entries));
    families.push_back(gauge("millrace_store_bytes", "Bytes of the entries in the store", hub.store->bytes));
    families.push_back(counter("millrace_store_commits_total", "Groups of entries stored", hub.store->commits));
    families.push_back(
        counter("millrace_store_failures_total", "Times the store began to refuse events", hub.store->failures));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace millrace
