// MetricsFormat: how a server's figures become the text of `/metrics`.
//
// Set one in ServerOptions::metrics. Millrace has prometheus_metrics() (millrace/server/metrics/prometheus.h); a format
// of your own implements content_type() and text(). Called on any thread, several at once.
//
//   millrace::Server server({.metrics = millrace::prometheus_metrics()});
#pragma once

#include <cstdint>
#include <optional>
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
  /// One of a histogram's values, with the trace that it was measured in.
  struct Exemplar {
    std::string trace_id = {};  ///< 32 hexadecimal digits [W3C Trace Context 3.2.2.3]
    double value = 0;           ///< in the unit that the metric's name ends with
    double time = 0;            ///< when it was measured, in seconds since 1970
  };
  /// The number of a histogram's values that are at most `upper_bound`.
  struct Bucket {
    double upper_bound = 0;                 ///< in the unit that the metric's name ends with
    std::uint64_t cumulative_count = 0;     ///< of this bucket and all lower ones
    std::optional<Exemplar> exemplar = {};  ///< of this bucket; most have none
  };

  std::string name = {};             ///< letters, digits and `_`
  std::string help = {};             ///< a sentence
  Kind kind = Kind::kGauge;          ///< as Kind says
  std::vector<Sample> samples = {};  ///< of counters and gauges
  std::vector<Bucket> buckets = {};  ///< of histograms, from the lowest bound up
  std::uint64_t count = 0;           ///< of histograms: number of all values, including those above the last bound
  double sum = 0;                    ///< of histograms: sum of all values
  std::optional<Exemplar> exemplar_above = {};  ///< of histograms: one of the values above the last bound
};

/// Writes metrics as text.
class MetricsFormat {
 public:
  virtual ~MetricsFormat() = default;

  /// The Content-Type of the text.
  virtual std::string content_type() const = 0;

  /// The text. If it throws, the client gets 500.
  virtual std::string text(std::span<const Metric> metrics) const = 0;

  /// The format for a client that sends this `Accept` (empty: it sends none), as long-lived as this object: by default
  /// this one for all clients.
  virtual const MetricsFormat& accepted_by(std::string_view accept) const {
    static_cast<void>(accept);
    return *this;
  }
};

}  // namespace millrace
