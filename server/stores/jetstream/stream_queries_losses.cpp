// What a stream's description and its marks say: which log it is, and which of its entries NATS has lost.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "log/digest.h"
#include "stream_queries.h"

namespace millrace {

namespace {

using nlohmann::json;

constexpr int kNotFound = 404;
constexpr std::string_view kDescription = "Millrace event log, epoch ";
constexpr std::string_view kLosses = "; lost ";  // after the epoch

// Nanoseconds since 1970 of a time in UTC, as `2026-11-29T12:00:00.123456789Z`.
std::int64_t nanoseconds_of(const std::string& time) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  int read = 0;
  // NOLINTNEXTLINE(cert-err34-c): how much was read is checked, and any number will do
  if (std::sscanf(time.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute, &second, &read) !=
      6) {
    throw StoreUnavailable("cannot read JetStream's answer");
  }
  const std::chrono::sys_days date = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  std::int64_t fraction = 0;
  std::int64_t unit = 1'000'000'000;
  for (std::size_t at = static_cast<std::size_t>(read) + 1; at < time.size() && unit > 1; ++at) {
    if (time[at] < '0' || time[at] > '9') break;
    unit /= 10;
    fraction += (time[at] - '0') * unit;
  }
  const auto whole =
      date.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  return std::chrono::nanoseconds(whole).count() + fraction;
}

}  // namespace

// Returns the answer; null if the requested item does not exist. Throws for other errors.
json StreamQueries::checked(json answer) {
  const auto error = answer.find("error");
  if (error == answer.end()) return answer;
  if (error->value("code", 0) == kNotFound) return nullptr;
  throw StoreUnavailable("JetStream: " + error->value("description", std::string("an error without a description")));
}

std::string StreamQueries::description(std::string_view epoch, const StreamNumbers& numbers) {
  std::string text = std::string(kDescription).append(epoch);
  const std::string losses = numbers.text();
  return losses.empty() ? text : text.append(kLosses).append(losses);
}

// A value unique to the stream: its description, otherwise the time of its creation.
std::string StreamQueries::epoch_of(const json& info) {
  std::string description = info.at("config").value("description", std::string());
  description.resize(std::min(description.find(kLosses), description.size()));
  if (description.starts_with(kDescription)) return description.substr(kDescription.size());
  return sha256(info.value("created", std::string())).substr(0, 8);
}

StreamNumbers StreamQueries::numbers_of(const json& info) {
  const std::string description = info.at("config").value("description", std::string());
  const std::size_t losses = description.find(kLosses);
  if (losses == std::string::npos) return {};
  return StreamNumbers::parse(std::string_view(description).substr(losses + kLosses.size()));
}

std::optional<std::int64_t> StreamQueries::published_at(std::uint64_t sequence) const {
  const json answer = checked(connection_.ask("STREAM.MSG.GET." + options_.name, {{"seq", sequence}}));
  if (answer.is_null()) return std::nullopt;
  return nanoseconds_of(answer.at("message").value("time", std::string()));
}

std::shared_ptr<const StreamNumbers> StreamQueries::numbers() const {
  const MutexLock lock(numbers_mutex_);
  return numbers_;
}

void StreamQueries::set_numbers(StreamNumbers numbers) {
  auto now = std::make_shared<const StreamNumbers>(std::move(numbers));
  const MutexLock lock(numbers_mutex_);
  numbers_ = std::move(now);
}

NatsMessage StreamQueries::loss_mark(const std::string& text, std::optional<std::uint64_t> ends_at) const {
  NatsMessage mark{.subject = loss_subject(), .headers = {}, .data = text};
  if (ends_at) mark.headers.emplace_back("Nats-Expected-Last-Sequence", std::to_string(*ends_at));
  return mark;
}

void StreamQueries::take_loss(std::string_view text, std::uint64_t mark) {
  const auto loss = StreamLoss::parse(text, mark);
  StreamNumbers changed = *numbers();
  if (loss && changed.add(*loss)) set_numbers(std::move(changed));
}

void StreamQueries::take_losses_after(std::uint64_t sequence, bool is_lost) {
  if (is_lost) {
    StreamNumbers changed = *numbers();
    changed.forget_after(sequence);
    set_numbers(std::move(changed));
  }
  for (auto mark = first(loss_subject(), sequence + 1); mark; mark = first(loss_subject(), mark->sequence + 1)) {
    take_loss(mark->data, mark->sequence);
  }
}

void StreamQueries::keep_losses() {
  const auto known = numbers();
  if (known->last_mark() == 0) return;
  const json now = info();
  if (known->last_mark() <= numbers_of(now).last_mark()) return;
  json wanted = now.at("config");
  wanted["description"] = description(epoch_, *known);
  checked(connection_.ask("STREAM.UPDATE." + options_.name, wanted));
}

}  // namespace millrace
