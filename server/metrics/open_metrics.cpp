#include "open_metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "http/weight.h"

namespace millrace {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kTotal = "_total";

std::string shortest(double value, std::chars_format format) {
  std::array<char, 400> digits{};  // the largest double has 309 digits before the point
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, format).ptr};
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kLargeNumber = 1e17;
  constexpr double kSmallNumber = 1e-4;
  const double size = std::abs(value);
  const bool is_plain = size == 0 || (size >= kSmallNumber && size < kLargeNumber);
  return shortest(value, is_plain ? std::chars_format::fixed : std::chars_format::scientific);
}

// A bound names a series, so that all servers must write it in the same way: 1.0, and 1e+06. [Canonical Numbers]
std::string bound(double value) {
  constexpr double kMillion = 1e6;
  if (value >= kMillion && std::isfinite(value)) return shortest(value, std::chars_format::scientific);
  std::string text = number(value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_braces(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out.append(out.empty() ? "{" : ",").append(name).append("=\"").append(escaped(value)).append("\"");
  }
  return out.empty() ? out : out.append("}");
}

// Which a family's name must end with.
std::string_view unit_of(std::string_view family) {
  for (const std::string_view unit : {std::string_view("seconds"), std::string_view("bytes")}) {
    if (family.ends_with(unit) && family.size() > unit.size() && family[family.size() - unit.size() - 1] == '_') {
      return unit;
    }
  }
  return {};
}

std::string_view type_name(Metric::Kind kind) {
  switch (kind) {
    case Metric::Kind::kCounter:
      return "counter";
    case Metric::Kind::kGauge:
      return "gauge";
    case Metric::Kind::kHistogram:
      break;
  }
  return "histogram";
}

class Writer {
 public:
  void family(const Metric& metric) {
    std::string_view name = metric.name;
    const bool is_counter = metric.kind == Metric::Kind::kCounter;
    if (is_counter && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
    line({"# TYPE ", name, " ", type_name(metric.kind)});
    if (const std::string_view unit = unit_of(name); !unit.empty()) line({"# UNIT ", name, " ", unit});
    line({"# HELP ", name, " ", escaped(metric.help)});
    if (metric.kind == Metric::Kind::kHistogram) histogram(name, metric);
    for (const Metric::Sample& sample : metric.samples) {
      line({name, is_counter ? kTotal : "", in_braces(sample.labels), " ", number(sample.value)});
    }
  }

  std::string end() {
    line({"# EOF"});
    return std::move(text_);
  }

 private:
  void histogram(std::string_view name, const Metric& metric) {
    for (const Metric::Bucket& one : metric.buckets) {
      bucket(name, bound(one.upper_bound), one.cumulative_count, one.exemplar);
    }
    bucket(name, "+Inf", metric.count, metric.exemplar_above);
    line({name, "_count ", std::to_string(metric.count)});
    line({name, "_sum ", number(metric.sum)});
  }

  void bucket(std::string_view name, std::string_view bound, std::uint64_t count,
              const std::optional<Metric::Exemplar>& exemplar) {
    std::string trace;
    if (exemplar) {
      trace.append(" # {trace_id=\"").append(escaped(exemplar->trace_id)).append("\"} ");
      trace.append(number(exemplar->value)).append(" ").append(number(exemplar->time));
    }
    line({name, "_bucket{le=\"", bound, "\"} ", std::to_string(count), trace});
  }

  void line(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) text_ += part;
    text_ += '\n';
  }

  std::string text_;
};

bool is_this_version(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = next_part(parameters, ';');
    if (!equals_ignoring_case(next_part(value, '='), "version")) continue;
    return value == "1.0.0";
  }
  return true;
}

}  // namespace

std::string OpenMetrics::text(std::span<const Metric> metrics) const {
  Writer writer;
  for (const Metric& metric : metrics) writer.family(metric);
  return writer.end();
}

bool prefers_open_metrics(std::string_view accept) {
  int open_metrics = 0;
  int plain = 0;
  while (!accept.empty()) {
    std::string_view range = next_part(accept, ',');
    const std::string_view type = next_part(range, ';');
    if (equals_ignoring_case(type, "application/openmetrics-text") && is_this_version(range)) {
      open_metrics = std::max(open_metrics, weight(range));
    } else if (equals_ignoring_case(type, "text/plain")) {
      plain = std::max(plain, weight(range));
    }
  }
  return open_metrics > 0 && open_metrics >= plain;
}

}  // namespace millrace
