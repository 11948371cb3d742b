#include "millrace/core/retry_after.h"

#include <algorithm>
#include <charconv>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

constexpr std::int64_t kSecondsADay = 86'400;

// Reads a date from left to right; once something does not fit, it stays failed.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  void skip(std::string_view expected) {
    ok_ = ok_ && rest_.starts_with(expected);
    if (ok_) rest_.remove_prefix(expected.size());
  }
  /// The name of any day: the date itself decides.
  void skip_day_name() {
    while (!rest_.empty() && rest_.front() >= 'A' && rest_.front() <= 'z') rest_.remove_prefix(1);
  }
  unsigned number(std::size_t digits) {
    unsigned value = 0;
    ok_ = ok_ && rest_.size() >= digits;
    for (std::size_t i = 0; ok_ && i < digits; ++i) {
      const char c = rest_[i];
      const bool padding = c == ' ' && i == 0 && digits == 2;  // asctime's ` 6`
      ok_ = padding || (c >= '0' && c <= '9');
      value = value * 10 + (padding ? 0 : static_cast<unsigned>(c - '0'));
    }
    if (ok_) rest_.remove_prefix(digits);
    return value;
  }
  unsigned month() {
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::size_t at = rest_.size() < 3 ? std::string_view::npos : kMonths.find(rest_.substr(0, 3));
    ok_ = ok_ && at != std::string_view::npos && at % 3 == 0;
    if (ok_) rest_.remove_prefix(3);
    return static_cast<unsigned>(at / 3 + 1);
  }
  /// `15:04:05`, as seconds of the day; 60 is a leap second.
  std::int64_t time() {
    const unsigned hour = number(2);
    skip(":");
    const unsigned minute = number(2);
    skip(":");
    const unsigned second = number(2);
    ok_ = ok_ && hour < 24 && minute < 60 && second <= 60;
    return hour * 3600 + minute * 60 + second;
  }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<std::int64_t> seconds_since_1970(unsigned year, unsigned month, unsigned day, std::int64_t time) {
  const auto date = std::chrono::year(static_cast<int>(year)) / std::chrono::month(month) / std::chrono::day(day);
  if (!date.ok()) return std::nullopt;
  return std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * kSecondsADay + time;
}

// Sun, 06 Nov 1994 08:49:37 GMT; or, with `-` between and two digits, Sunday, 06-Nov-94 08:49:37 GMT, whose year is of
// this century or, from 70 on, of the last.
std::optional<std::int64_t> parse_day_first(DateReader reader, std::string_view between, std::size_t year_digits) {
  reader.skip_day_name();
  reader.skip(", ");
  const unsigned day = reader.number(2);
  reader.skip(between);
  const unsigned month = reader.month();
  reader.skip(between);
  unsigned year = reader.number(year_digits);
  if (year_digits == 2) year += year < 70 ? 2000 : 1900;
  reader.skip(" ");
  const std::int64_t time = reader.time();
  reader.skip(" GMT");
  return reader.at_end() ? seconds_since_1970(year, month, day, time) : std::nullopt;
}

// Sun Nov  6 08:49:37 1994
std::optional<std::int64_t> parse_asctime_date(DateReader reader) {
  reader.skip_day_name();
  reader.skip(" ");
  const unsigned month = reader.month();
  reader.skip(" ");
  const unsigned day = reader.number(2);
  reader.skip(" ");
  const std::int64_t time = reader.time();
  reader.skip(" ");
  const unsigned year = reader.number(4);
  return reader.at_end() ? seconds_since_1970(year, month, day, time) : std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Duration cut(std::int64_t seconds) {
  constexpr std::int64_t kMost = kMaxReconnectionTime.count() / 1000 + 1;
  return std::min<Duration>(std::chrono::seconds(std::min(seconds, kMost)), kMaxReconnectionTime);
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  const DateReader reader(text);
  if (const auto date = parse_day_first(reader, " ", 4)) return date;
  if (const auto date = parse_day_first(reader, "-", 2)) return date;
  return parse_asctime_date(reader);
}

std::optional<Duration> parse_seconds(std::string_view value) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc::result_out_of_range) return kMaxReconnectionTime;
  return cut(seconds);
}

std::optional<Duration> parse_retry_after(std::string_view value, std::optional<std::int64_t> present) {
  if (const auto wait = parse_seconds(value)) return wait;
  const std::optional<std::int64_t> date = parse_http_date(value);
  if (!date || !present) return std::nullopt;
  return cut(*date > *present ? *date - *present : 0);
}

}  // namespace millrace
