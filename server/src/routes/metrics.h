// The server's metrics, for any format. docs/operations.md lists them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "connection/connection_loop.h"
#include "hub/webhook_sender.h"
#include "millrace/server/hub.h"
#include "millrace/server/metrics_format.h"
#include "millrace/server/sending_ways.h"
#include "shares/counters.h"

namespace millrace {

/// All counts at one moment.
struct MetricsSnapshot {
  Hub::Statistics hub;
  bool speaks_tls = false;
  std::vector<const LoopCounters*> loops;
  const RefusalCounters* refusals = nullptr;
  std::uint64_t cut_downloads = 0;
  std::size_t buffered_bytes = 0;
  std::size_t stream_buffered_bytes = 0;
  std::uint64_t cut_streams_too_slow = 0;
  std::uint64_t cut_streams_no_space = 0;
  std::size_t pinned_bytes = 0;
  std::size_t connections = 0;
  std::size_t http2_streams = 0;
  std::size_t streams = 0;
  std::size_t catching_up = 0;   ///< without those of silent loops
  std::size_t silent_loops = 0;  ///< loops that did not answer
  SendingWays sending = {};
  const SharedLatencyHistogram* store_appends = nullptr;  ///< null without a store
  std::size_t waiting_publishes = 0;
  std::optional<Presence::Statistics> presence = {};
  std::optional<WebhookSender::Statistics> webhooks = {};
};

std::vector<Metric> metrics_of(const MetricsSnapshot& snapshot);

}  // namespace millrace
