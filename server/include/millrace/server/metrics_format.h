// MetricsFormat: how a server's figures become the text of `/metrics`.
//
// Set one in ServerOptions::metrics. Millrace has prometheus_metrics() (millrace/server/metrics/prometheus.h); a format
// of your own implements both members. Called on any thread, several at once.
//
//   millrace::Server server({.metrics = millrace::prometheus_metrics()});
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// A figure of a server at one moment. docs/operations.md lists them.
struct Metric {
  /// How its values behave.
  enum class Kind : std::uint8_t {
    kCounter,    ///< it only grows
    kGauge,      ///< it grows and shrinks
    kHistogram,  ///< a distribution
  };
  /// A value, with labels that distinguish it from the metric's other values.
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels = {};  ///< names and values
    double value = 0;                                              ///< in the unit that the metric's name ends with
  };
  /// The number of a histogram's values that are at most `upper_bound`.
  struct Bucket {
    double upper_bound = 0;              ///< in the unit that the metric's name ends with
    std::uint64_t cumulative_count = 0;  ///< of this bucket and all lower ones
  };

  std::string name = {};             ///< letters, digits and `_`
  std::string help = {};             ///< a sentence
  Kind kind = Kind::kGauge;          ///< as Kind says
  std::vector<Sample> samples = {};  ///< of counters and gauges
  std::vector<Bucket> buckets = {};  ///< of histograms, from the lowest bound up
  std::uint64_t count = 0;           ///< of histograms: number of all values, including those above the last bound
  double sum = 0;                    ///< of histograms: sum of all values
};

/// Writes metrics as text.
class MetricsFormat {
 public:
  virtual ~MetricsFormat() = default;

  /// The Content-Type of the text.
  virtual std::string content_type() const = 0;

  /// The text. If it throws, the client gets 500.
  virtual std::string text(std::span<const Metric> metrics) const = 0;
};

}  // namespace millrace
