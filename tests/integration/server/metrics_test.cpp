// What /metrics answers: by the format that the server has, or without one.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "any_httplib.h"
#include "millrace/server/metrics/prometheus.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"
#include "stuck_authorizer.h"

namespace millrace::test {
namespace {

void with_routes(Server& server) {
  server.events("/events").operations();
}

TEST(Metrics, WithoutAFormatTheAnswerNamesThePartThatHasOne) {
  Server server;
  server.operations();
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  const RawResponse response = RawClient(port).exchange(get("/metrics"));
  server.stop();
  serving.join();
  EXPECT_EQ(response.status, 501);
  EXPECT_NE(
      response.body.find("link millrace::metrics and set ServerOptions::metrics = millrace::prometheus_metrics()"),
      std::string::npos)
      << response.body;
}

TEST(Metrics, PrometheusReadsCountersGaugesAndHistograms) {
  RunningServer server({.metrics = prometheus_metrics()}, with_routes);
  server->hub().publish("a", {.data = "x"}).or_throw();
  ASSERT_EQ(RawClient(server.port()).exchange(get("/events?topic=a*")).status, 400);
  RawResponse response;
  // A refusal is counted behind its answer, which may already have arrived.
  EXPECT_TRUE(eventually([&] {
    response = RawClient(server.port()).exchange(get("/metrics"));
    return response.body.find("millrace_refusals_total{status=\"400\",reason=\"invalid\"} 1\n") != std::string::npos;
  })) << response.body;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Content-Type"), "text/plain; version=0.0.4");
  for (const char* lines :
       {"# HELP millrace_publishes_total Events published\n# TYPE millrace_publishes_total counter\n"
        "millrace_publishes_total 1\n",
        "# TYPE millrace_streams gauge\nmillrace_streams 0\n",
        "millrace_refusals_total{status=\"400\",reason=\"invalid\"} 1\n",
        "# TYPE millrace_store_durability gauge\nmillrace_store_durability{level=\"memory\"} 1\n"
        "millrace_store_durability{level=\"process\"} 0\n",
        "# TYPE millrace_publish_to_write_seconds histogram\n", "millrace_publish_to_write_seconds_count 0\n",
        "millrace_publish_to_write_seconds_bucket{le=\"0.001\"} 0\n",
        "millrace_publish_to_write_seconds_bucket{le=\"+Inf\"} 0\n"}) {
    EXPECT_NE(response.body.find(lines), std::string::npos) << lines << "\nis not in\n" << response.body;
  }
}

double value_of(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kOpenMetrics[] = "application/openmetrics-text; version=1.0.0";

std::string metrics_as(int port, const std::string& accept) {
  return RawClient(port).exchange(get("/metrics", "Accept: " + accept + "\r\n")).body;
}

OwnedTraceContext trace_with(const std::string& flags) {
  const std::string parent = std::string("00-") + kTraceId + "-00f067aa0ba902b7-" + flags;
  return TraceContext::parse(parent).value();
}

TEST(Metrics, AreOpenMetricsForClientsThatPreferIt) {
  RunningServer server({.metrics = prometheus_metrics()}, with_routes);
  const std::string plain = "text/plain; version=0.0.4";
  const std::string open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const auto type_for = [&](const std::string& accept) {
    return RawClient(server.port()).exchange(get("/metrics", accept)).field("Content-Type");
  };
  EXPECT_EQ(type_for(""), plain);
  for (const char* accept :
       {"*/*", "text/plain", "application/openmetrics-text;q=0", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0.4, text/plain;q=0.5", "application/openmetrics", ""}) {
    EXPECT_EQ(type_for(std::string("Accept: ") + accept + "\r\n"), plain) << accept;
  }
  EXPECT_EQ(type_for("Accept: ;,;q=1,\r\n"), is_httplib(23) ? "application/json" : plain) << "later ones refuse it";
  for (const char* accept :
       {"application/openmetrics-text", "Application/OpenMetrics-Text;Version=1.0.0",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.5, application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6"}) {
    EXPECT_EQ(type_for(std::string("Accept: ") + accept + "\r\n"), open) << accept;
  }
}

TEST(Metrics, AsOpenMetricsNameFamiliesUnitsAndBounds) {
  RunningServer server({.metrics = prometheus_metrics()}, with_routes);
  server->hub().publish("a", {.data = "x"}).or_throw();
  const std::string text = metrics_as(server.port(), kOpenMetrics);
  for (const char* lines :
       {"# TYPE millrace_publishes counter\n# HELP millrace_publishes Events published\nmillrace_publishes_total 1\n",
        "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n",
        "# TYPE millrace_log_bytes gauge\n# UNIT millrace_log_bytes bytes\n", "\nmillrace_streams 0\n",
        "millrace_refusals_total{status=\"503\",reason=\"store\"} 0\n",
        "millrace_publish_to_write_seconds_bucket{le=\"0.001\"} 0\n",
        "millrace_publish_to_write_seconds_bucket{le=\"1.0\"} 0\n",
        "millrace_catch_up_depth_events_bucket{le=\"100000.0\"} 0\n",
        "millrace_catch_up_depth_events_bucket{le=\"1e+06\"} 0\n",
        "millrace_catch_up_depth_events_bucket{le=\"+Inf\"} 0\nmillrace_catch_up_depth_events_count 0\n"
        "millrace_catch_up_depth_events_sum 0\n"}) {
    EXPECT_NE(text.find(lines), std::string::npos) << lines << "\nis not in\n" << text;
  }
  EXPECT_TRUE(text.ends_with("\n# EOF\n")) << text;
}

TEST(Metrics, AsOpenMetricsEscapeWhatComesFromElsewhere) {
  const Metric metric{.name = "odd",
                      .help = "a \"b\" \\\nc",
                      .kind = Metric::Kind::kGauge,
                      .samples = {{.labels = {{"x", "\"\\\n"}, {"y", "z"}}, .value = -1.5},
                                  {.value = 1e300},
                                  {.value = std::numeric_limits<double>::infinity()}}};
  const auto format = prometheus_metrics();
  EXPECT_EQ(format->accepted_by(kOpenMetrics).text({&metric, 1}),
            "# TYPE odd gauge\n# HELP odd a \\\"b\\\" \\\\\\nc\nodd{x=\"\\\"\\\\\\n\",y=\"z\"} -1.5\nodd 1e+300\n"
            "odd +Inf\n# EOF\n");
}

TEST(Metrics, HaveTheTraceOfAnEventInEachBucketThatItFellInto) {
  RunningServer server({.metrics = prometheus_metrics()}, with_routes);
  StreamClient stream(server.port(), "/events?topic=a");
  const auto publish = [&](const Event& event) {
    const auto count = [&] {
      return value_of(metrics_as(server.port(), kOpenMetrics), "millrace_publish_to_write_seconds_count");
    };
    const double before = count();
    server->hub().publish("a", event).or_throw();
    ASSERT_TRUE(eventually([&] { return count() > before; }));
  };
  publish({.data = "no trace"});
  const OwnedTraceContext not_recorded = trace_with("00");
  publish({.data = "a trace that nobody records", .trace = not_recorded});
  EXPECT_EQ(metrics_as(server.port(), kOpenMetrics).find(" # {"), std::string::npos);
  const OwnedTraceContext recorded = trace_with("01");
  publish({.data = "a trace", .trace = recorded});
  const std::string exemplar = std::string(" # {trace_id=\"") + kTraceId + "\"} ";
  const std::string text = metrics_as(server.port(), kOpenMetrics);
  const std::size_t at = text.find(exemplar);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.substr(0, at).rfind("millrace_publish_to_write_seconds_bucket{"), text.rfind('\n', at) + 1);
  // Value and time.
  std::istringstream numbers(text.substr(at + exemplar.size()));
  double value = -1;
  double time = -1;
  numbers >> value >> time;
  EXPECT_GE(value, 0);
  EXPECT_GT(time, 1.6e9);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/metrics")).body.find(kTraceId), std::string::npos)
      << "the plain text has no exemplars";
}

TEST(Metrics, NameTheBuildTheProcessAndEveryRefusalFromTheStart) {
  RunningServer server({.metrics = prometheus_metrics()}, with_routes);
  const std::string text = RawClient(server.port()).exchange(get("/metrics")).body;
  EXPECT_NE(text.find("millrace_build_info{version=\""), std::string::npos) << text;
  EXPECT_GT(value_of(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value_of(text, "process_start_time_seconds"), 1.6e9);
  EXPECT_GE(value_of(text, "process_open_fds"), 4);
  EXPECT_GE(value_of(text, "process_max_fds"), value_of(text, "process_open_fds"));
  EXPECT_GE(value_of(text, "process_cpu_seconds_total"), 0);
  EXPECT_GE(value_of(text, "process_threads"), 2);
  for (const char* labels : {R"(status="429",reason="publish_rate")", R"(status="503",reason="store")",
                             R"(status="401",reason="unauthenticated")", R"(status="503",reason="connections")",
                             R"(status="507",reason="retention")"}) {
    EXPECT_NE(text.find(std::string("millrace_refusals_total{") + labels + "} 0\n"), std::string::npos) << labels;
  }
}

double value_of(const std::vector<Metric>& metrics, const std::string& name) {
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const Metric& one) { return one.name == name; });
  return found == metrics.end() ? -1 : found->samples.at(0).value;
}

TEST(Metrics, AreThereWhileAnEventLoopIsStuck) {
  const auto authorizer = std::make_shared<StuckAuthorizer>();
  RunningServer server({.threads = {.loops = 1}, .authorizer = authorizer}, with_routes);
  EXPECT_EQ(value_of(server->metrics(), "millrace_silent_loops"), 0);
  const RawClient client(server.port());
  client.send(get("/events?topic=stuck"));
  authorizer->is_asked.wait();
  EXPECT_EQ(value_of(server->metrics(), "millrace_silent_loops"), 1);
  authorizer->may_go.count_down();
  EXPECT_TRUE(eventually([&] { return value_of(server->metrics(), "millrace_silent_loops") == 0; }));
}

// Writes names and first values.
class Names final : public MetricsFormat {
 public:
  std::string content_type() const override { return "text/names"; }
  std::string text(std::span<const Metric> metrics) const override {
    std::string text;
    for (const Metric& metric : metrics) {
      text += metric.name;
      if (!metric.samples.empty()) text += '=' + std::to_string(static_cast<int>(metric.samples.front().value));
      text += '\n';
    }
    return text;
  }
};

TEST(Metrics, AFormatOfOnesOwnGetsTheFiguresThatTheProgramGets) {
  RunningServer server({.metrics = std::make_shared<Names>()}, with_routes);
  server->hub().publish("a", {.data = "x"}).or_throw();
  const RawResponse response = RawClient(server.port()).exchange(get("/metrics"));
  EXPECT_EQ(response.field("Content-Type"), "text/names");
  EXPECT_NE(response.body.find("millrace_publishes_total=1\n"), std::string::npos) << response.body;
  const std::vector<Metric> metrics = server->metrics();
  const auto published = std::find_if(metrics.begin(), metrics.end(),
                                      [](const Metric& one) { return one.name == "millrace_publishes_total"; });
  ASSERT_NE(published, metrics.end());
  EXPECT_EQ(published->kind, Metric::Kind::kCounter);
  EXPECT_EQ(published->samples.at(0).value, 1);
}

}  // namespace
}  // namespace millrace::test
