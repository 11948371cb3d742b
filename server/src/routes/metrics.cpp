#include "metrics.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/exemplars.h"
#include "base/process_figures.h"

namespace millrace {

namespace {

using Samples = std::vector<Metric::Sample>;

Metric family(std::string name, std::string help, Metric::Kind kind, Samples samples) {
  return {.name = std::move(name), .help = std::move(help), .kind = kind, .samples = std::move(samples)};
}

Metric counter(std::string name, std::string help, std::uint64_t value) {
  return family(std::move(name), std::move(help), Metric::Kind::kCounter, {{.value = static_cast<double>(value)}});
}

Metric gauge(std::string name, std::string help, std::uint64_t value) {
  return family(std::move(name), std::move(help), Metric::Kind::kGauge, {{.value = static_cast<double>(value)}});
}

std::uint64_t sum(const MetricsSnapshot& snapshot, Counter LoopCounters::*counter) {
  std::uint64_t total = 0;
  for (const LoopCounters* loop : snapshot.loops) total += (loop->*counter).value();
  return total;
}

Metric refusals(const RefusalCounters& counters) {
  Samples samples;
  for (const auto& [refusal, count] : counters.counts()) {
    const auto& [status, reason] = refusal;
    samples.push_back({.labels = {{"status", std::to_string(status)}, {"reason", std::string(name_of(reason))}},
                       .value = static_cast<double>(count)});
  }
  return family("millrace_refusals_total", "Requests refused, by status and reason", Metric::Kind::kCounter,
                std::move(samples));
}

Metric sending(const SendingWays& ways) {
  Samples samples;
  for (const auto& [name, loops] :
       {std::pair{BatchSender::kIoUring, ways.io_uring}, std::pair{BatchSender::kSystemCalls, ways.send}}) {
    samples.push_back({.labels = {{"by", std::string(name)}}, .value = static_cast<double>(loops)});
  }
  return family("millrace_sending_loops", "Event loops, by the way they write to subscribers", Metric::Kind::kGauge,
                std::move(samples));
}

Metric cut_streams(const MetricsSnapshot& snapshot) {
  Samples samples;
  for (const auto& [reason, count] : {std::pair{"too_slow", snapshot.cut_streams_too_slow},
                                      std::pair{"no_buffer_space", snapshot.cut_streams_no_space}}) {
    samples.push_back({.labels = {{"reason", reason}}, .value = static_cast<double>(count)});
  }
  return family("millrace_cut_streams_total", "Request-scoped streams cut because their clients read too slowly",
                Metric::Kind::kCounter, std::move(samples));
}

std::vector<Metric> handshake_metrics(const MetricsSnapshot& snapshot) {
  if (!snapshot.speaks_tls) return {};
  Samples samples;
  for (const auto& [result, counter] :
       {std::pair{"full", &LoopCounters::handshakes_full}, std::pair{"resumed", &LoopCounters::handshakes_resumed},
        std::pair{"failed", &LoopCounters::handshakes_failed}, std::pair{"cut", &LoopCounters::handshakes_cut}}) {
    samples.push_back({.labels = {{"result", result}}, .value = static_cast<double>(sum(snapshot, counter))});
  }
  return {family("millrace_tls_handshakes_total", "TLS handshakes, by outcome", Metric::Kind::kCounter,
                 std::move(samples))};
}

// A sample a level, so that an alert can ask for the level that it needs.
Metric durability(Durability promised) {
  Samples samples;
  for (const Durability level : kDurabilities) {
    samples.push_back(
        {.labels = {{"level", std::string(name_of(level))}}, .value = covers(promised, level) ? 1.0 : 0.0});
  }
  return family("millrace_store_durability", "Whether an acknowledged event survives what the level says",
                Metric::Kind::kGauge, std::move(samples));
}

// Of several histograms, as one. `unit`: of one of the numbers, in the metric's.
template <typename Numbers>
Metric histogram(std::string name, std::string help, double unit, const std::vector<const Numbers*>& parts) {
  constexpr auto& kBounds = Numbers::kBounds;
  Metric metric{.name = std::move(name), .help = std::move(help), .kind = Metric::Kind::kHistogram};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= kBounds.size(); ++i) {
    for (const Numbers* part : parts) metric.count += part->count(i);
    if (i < kBounds.size()) {
      metric.buckets.push_back(
          {.upper_bound = static_cast<double>(kBounds[i]) * unit, .cumulative_count = metric.count});
    }
  }
  for (const Numbers* part : parts) sum += part->sum();
  metric.sum = static_cast<double>(sum) * unit;
  return metric;
}

template <typename Numbers>
std::vector<const Numbers*> of_loops(const MetricsSnapshot& snapshot, Numbers LoopCounters::*numbers) {
  std::vector<const Numbers*> parts;
  for (const LoopCounters* loop : snapshot.loops) parts.push_back(&(loop->*numbers));
  return parts;
}

constexpr double kMillisecond = 0.001;  // in seconds, as Prometheus expects

// The newest of any loop; nothing if none has one.
std::optional<Metric::Exemplar> newest_exemplar(const MetricsSnapshot& snapshot, std::size_t bucket) {
  std::optional<Exemplar> newest;
  for (const LoopCounters* loop : snapshot.loops) {
    const auto one = loop->publish_to_write_exemplars.of(bucket);
    if (one && (!newest || newest->time < one->time)) newest = one;
  }
  if (!newest) return std::nullopt;
  return Metric::Exemplar{.trace_id = newest->trace.text(),
                          .value = static_cast<double>(newest->value) * kMillisecond,
                          .time = static_cast<double>(newest->time) * kMillisecond};
}

Metric publish_to_write(const MetricsSnapshot& snapshot) {
  Metric metric = histogram(
      "millrace_publish_to_write_seconds",
      "Time from publishing an event until the last live subscriber of an event loop had it, one sample per batch",
      kMillisecond, of_loops(snapshot, &LoopCounters::publish_to_write));
  for (std::size_t i = 0; i < metric.buckets.size(); ++i) metric.buckets[i].exemplar = newest_exemplar(snapshot, i);
  metric.exemplar_above = newest_exemplar(snapshot, metric.buckets.size());
  return metric;
}

Metric build_info() {
  return family("millrace_build_info", "The version", Metric::Kind::kGauge,
                {{.labels = {{"version", MILLRACE_VERSION}}, .value = 1}});
}

// By the names that client libraries of Prometheus have for them.
std::vector<Metric> process_metrics() {
  const auto figures = process_figures();
  if (!figures) return {};
  return {
      family("process_cpu_seconds_total", "CPU time of the process", Metric::Kind::kCounter,
             {{.value = figures->cpu_seconds}}),
      family("process_start_time_seconds", "When the process began, in seconds since 1970", Metric::Kind::kGauge,
             {{.value = figures->start_time_seconds}}),
      gauge("process_resident_memory_bytes", "Memory of the process", figures->resident_bytes),
      gauge("process_virtual_memory_bytes", "Addresses of the process", figures->virtual_bytes),
      gauge("process_open_fds", "File descriptors open", figures->open_descriptors),
      gauge("process_max_fds", "Most file descriptors", figures->max_descriptors),
      gauge("process_threads", "Threads of the process", figures->threads),
  };
}

std::vector<Metric> open_metrics(const MetricsSnapshot& snapshot) {
  return {
      build_info(),
      gauge("millrace_connections", "Connections open", snapshot.connections),
      gauge("millrace_http2_streams", "Requests and event streams open over HTTP/2", snapshot.http2_streams),
      gauge("millrace_streams", "Event streams open, the request-scoped ones included", snapshot.streams),
      gauge("millrace_catching_up_subscribers", "Subscribers that read from the log", snapshot.catching_up),
      gauge("millrace_silent_loops", "Event loops that have not answered within 3 seconds", snapshot.silent_loops),
      refusals(*snapshot.refusals),
  };
}

std::vector<Metric> log_metrics(const Hub::Statistics& hub) {
  return {
      counter("millrace_publishes_total", "Events published", hub.publishes),
      counter("millrace_repeated_publishes_total", "Published events whose ID the log already had", hub.repeated),
      counter("millrace_evictions_total", "Entries that have left the log", hub.evictions),
      gauge("millrace_retained_topics", "Topics with a retained event in memory", hub.retained_topics),
      gauge("millrace_retained_bytes", "Bytes of retained events in memory", hub.retained_bytes),
      gauge("millrace_log_entries", "Entries in the log", hub.entries),
      gauge("millrace_log_bytes", "Bytes of the entries in the log", hub.bytes),
      durability(hub.durability),
  };
}

std::vector<Metric> delivery_metrics(const MetricsSnapshot& snapshot) {
  return {
      counter("millrace_deliveries_total", "Events written to subscribers", sum(snapshot, &LoopCounters::deliveries)),
      counter("millrace_delivered_bytes_total", "Bytes written to subscribers", sum(snapshot, &LoopCounters::bytes)),
      counter("millrace_gaps_total", "Gaps reported to subscribers", sum(snapshot, &LoopCounters::gaps)),
      sending(snapshot.sending),
      publish_to_write(snapshot),
      histogram("millrace_catch_up_depth_events",
                "Entries from a reader's place to the log's head, one sample per page that it reads", 1,
                of_loops(snapshot, &LoopCounters::catch_up_depth)),
  };
}

std::vector<Metric> buffer_metrics(const MetricsSnapshot& snapshot) {
  return {
      gauge("millrace_buffered_bytes", "Bytes of large requests and responses in progress", snapshot.buffered_bytes),
      gauge("millrace_stream_buffered_bytes",
            "Bytes of millrace_buffered_bytes that request-scoped streams keep for slow clients",
            snapshot.stream_buffered_bytes),
      gauge("millrace_pinned_bytes",
            "Bytes of events that have left the log, but that slow subscribers have only partly received",
            snapshot.pinned_bytes),
      counter("millrace_cut_subscribers_total", "Streams cut because slow subscribers kept too many of these bytes",
              sum(snapshot, &LoopCounters::pinned_cuts)),
      counter("millrace_cut_downloads_total", "Responses cut because their clients read too slowly",
              snapshot.cut_downloads),
      cut_streams(snapshot),
  };
}

// Nothing without a store.
std::vector<Metric> store_append_metrics(const MetricsSnapshot& snapshot) {
  if (snapshot.store_appends == nullptr) return {};
  return {
      histogram("millrace_store_append_seconds", "Time that the store took to have entries that were appended together",
                kMillisecond, std::vector{snapshot.store_appends}),
      gauge("millrace_waiting_publishes", "Publish requests that wait for the store without a worker",
            snapshot.waiting_publishes),
  };
}

std::vector<Metric> presence_metrics(const std::optional<Presence::Statistics>& presence) {
  if (!presence) return {};
  return {
      gauge("millrace_presence_topics", "Topics with listeners", presence->topics),
      gauge("millrace_presence_listeners", "Names of listeners, counted for each topic", presence->listeners),
      gauge("millrace_presence_bytes", "Bytes of presence", presence->bytes),
      counter("millrace_presence_events_total", "Changes of presence reported", presence->events),
      counter("millrace_presence_not_reported_total", "Subscriptions that presence has no room for",
              presence->not_reported),
  };
}

std::vector<Metric> webhook_metrics(const std::optional<WebhookSender::Statistics>& webhooks) {
  if (!webhooks) return {};
  const WebhookQueue::Statistics& queue = webhooks->queue;
  return {
      family("millrace_webhook_events_total", "Events for the application, by outcome", Metric::Kind::kCounter,
             {{.labels = {{"result", "delivered"}}, .value = static_cast<double>(queue.delivered)},
              {.labels = {{"result", "dropped"}}, .value = static_cast<double>(queue.dropped)},
              {.labels = {{"result", "over_share"}}, .value = static_cast<double>(queue.over_share)}}),
      gauge("millrace_webhook_waiting", "Events that wait for the application", queue.waiting),
      gauge("millrace_webhook_up", "Whether the application has taken the last batch", webhooks->is_up ? 1 : 0),
  };
}

std::vector<Metric> store_metrics(const std::optional<StoreStatistics>& store) {
  if (!store) return {};
  return {
      gauge("millrace_store_up", "Whether the store accepts events", store->takes_events ? 1 : 0),
      gauge("millrace_store_entries", "Entries in the store", store->entries),
      gauge("millrace_store_bytes", "Bytes of the entries in the store", store->bytes),
      counter("millrace_store_commits_total", "Groups of entries stored", store->commits),
      counter("millrace_store_failures_total", "Times the store began to refuse events", store->failures),
  };
}

}  // namespace

std::vector<Metric> metrics_of(const MetricsSnapshot& snapshot) {
  std::array groups{open_metrics(snapshot),
                    log_metrics(snapshot.hub),
                    delivery_metrics(snapshot),
                    buffer_metrics(snapshot),
                    store_append_metrics(snapshot),
                    handshake_metrics(snapshot),
                    presence_metrics(snapshot.presence),
                    webhook_metrics(snapshot.webhooks),
                    store_metrics(snapshot.hub.store),
                    process_metrics()};
  std::vector<Metric> families;
  for (std::vector<Metric>& group : groups) std::ranges::move(group, std::back_inserter(families));
  return families;
}

}  // namespace millrace
