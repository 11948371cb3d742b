// MetricsFormat: how a server's figures become the text of `/metrics`.
//
// ServerOptions::metrics holds it. prometheus_metrics() (millrace/server/metrics/prometheus.h) is the one that Millrace
// brings; a format of your own implements both members. Any thread, several at once.
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
  /// What can be done with it.
  enum class Kind : std::uint8_t {
    kCounter,    ///< it only grows
    kGauge,      ///< it grows and shrinks
    kHistogram,  ///< a distribution
  };
  /// A value, and what tells it apart from the metric's other values.
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels = {};  ///< names and values
    double value = 0;                                              ///< in the unit that the metric's name ends with
  };
  /// How many values of a histogram are at most `upper_bound`.
  struct Bucket {
    double upper_bound = 0;              ///< in the unit that the metric's name ends with
    std::uint64_t cumulative_count = 0;  ///< of this bucket and all lower ones
  };

  std::string name = {};             ///< letters, digits and `_`
  std::string help = {};             ///< a sentence
  Kind kind = Kind::kGauge;          ///< as Kind says
  std::vector<Sample> samples = {};  ///< of counters and gauges
  std::vector<Bucket> buckets = {};  ///< of histograms, from the lowest bound up
  std::uint64_t count = 0;           ///< of histograms: all values, those above the last bound included
  double sum = 0;                    ///< of histograms: of all values
};

/// Writes metrics as text.
class MetricsFormat {
 public:
  virtual ~MetricsFormat() = default;

  /// The Content-Type of the text.
  virtual std::string content_type() const = 0;

  /// The text. An exception answers the request with 500.
  virtual std::string text(std::span<const Metric> metrics) const = 0;
};

}  // namespace millrace
