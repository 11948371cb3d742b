#include "memory_report.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>

namespace millrace::cli {

namespace {

using Json = nlohmann::ordered_json;

// Members and the metrics that they are the sums of; those that the server does not have are left out.
Json figures(const std::vector<Metric>& metrics,
             std::initializer_list<std::pair<const char*, const char*>> members_and_metrics) {
  Json object = Json::object();
  for (const auto& [member, name] : members_and_metrics) {
    const auto found =
        std::find_if(metrics.begin(), metrics.end(), [wanted = name](const Metric& one) { return one.name == wanted; });
    if (found == metrics.end()) continue;
    std::uint64_t sum = 0;
    for (const Metric::Sample& sample : found->samples) sum += static_cast<std::uint64_t>(sample.value);
    object[member] = sum;
  }
  return object;
}

// Of all arenas. [mallinfo(3)]
Json allocator() {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  const struct mallinfo2 all = mallinfo2();
  return {{"fromSystemBytes", all.arena + all.hblkhd},
          {"inUseBytes", all.uordblks + all.hblkhd},
          {"freeBytes", all.fordblks},
          {"mappedBytes", all.hblkhd},
          {"mappedBlocks", all.hblks},
          {"freeAtTopBytes", all.keepcost}};
#else
  return nullptr;
#endif
}

}  // namespace

Json memory_report(const std::vector<Metric>& metrics) {
  return {{"process", figures(metrics, {{"residentBytes", "process_resident_memory_bytes"},
                                        {"virtualBytes", "process_virtual_memory_bytes"}})},
          {"allocator", allocator()},
          {"millrace", figures(metrics, {{"logBytes", "millrace_log_bytes"},
                                         {"logEntries", "millrace_log_entries"},
                                         {"retainedBytes", "millrace_retained_bytes"},
                                         {"retainedTopics", "millrace_retained_topics"},
                                         {"pinnedBytes", "millrace_pinned_bytes"},
                                         {"bufferedBytes", "millrace_buffered_bytes"},
                                         {"streamBufferedBytes", "millrace_stream_buffered_bytes"},
                                         {"answersWaitingBytes", "millrace_answers_waiting_bytes"},
                                         {"presenceBytes", "millrace_presence_bytes"},
                                         {"webhookEvents", "millrace_webhook_waiting"},
                                         {"waitingPublishes", "millrace_waiting_publishes"},
                                         {"connections", "millrace_connections"},
                                         {"http2Streams", "millrace_http2_streams"},
                                         {"streams", "millrace_streams"},
                                         {"catchingUp", "millrace_catching_up_subscribers"}})}};
}

}  // namespace millrace::cli
