#include "stream_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

namespace millrace {

namespace {

// Exactly these numbers, with a blank between two.
template <std::size_t kCount>
std::optional<std::array<std::uint64_t, kCount>> numbers_in(std::string_view text) {
  std::array<std::uint64_t, kCount> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i > 0 && (at == end || *at++ != ' ')) return std::nullopt;
    const auto [rest, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc{}) return std::nullopt;
    at = rest;
  }
  if (at != end) return std::nullopt;
  return numbers;
}

bool is_possible(const StreamLoss& loss) {
  return loss.through < loss.mark && loss.through < loss.next && loss.next <= kMaxLogNumber;
}

}  // namespace

std::string StreamLoss::text() const {
  return std::to_string(through) + ' ' + std::to_string(next);
}

std::optional<StreamLoss> StreamLoss::parse(std::string_view text, std::uint64_t mark) {
  const auto numbers = numbers_in<2>(text);
  if (!numbers) return std::nullopt;
  const StreamLoss loss{.through = (*numbers)[0], .next = (*numbers)[1], .mark = mark};
  return is_possible(loss) ? std::optional(loss) : std::nullopt;
}

std::string StreamNumbers::text() const {
  std::string text;
  for (const StreamLoss& loss : losses_) {
    if (!text.empty()) text += ", ";
    text += loss.text() + ' ' + std::to_string(loss.mark);
  }
  return text;
}

StreamNumbers StreamNumbers::parse(std::string_view text) {
  StreamNumbers parsed;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(", "), text.size());
    const auto numbers = numbers_in<3>(text.substr(0, comma));
    if (!numbers) return {};
    const StreamLoss loss{.through = (*numbers)[0], .next = (*numbers)[1], .mark = (*numbers)[2]};
    const StreamLoss last = parsed.losses_.empty() ? StreamLoss() : parsed.losses_.back();
    const bool is_behind = loss.through >= last.through && loss.next > last.next && loss.mark > last.mark;
    if (!is_possible(loss) || !is_behind || parsed.losses_.size() == kMaxStreamLosses) return {};
    parsed.losses_.push_back(loss);
    text.remove_prefix(std::min(comma + 2, text.size()));
  }
  return parsed;
}

bool StreamNumbers::add(StreamLoss loss) {
  if (loss.mark <= last_mark() || !is_possible(loss)) return false;
  // Two servers may have noticed the same loss: the second mark must not give numbers that the first has given.
  loss.next = std::max(loss.next, in_log(loss.mark) + 1);
  if (loss.next > kMaxLogNumber) return false;
  std::erase_if(losses_, [&](const StreamLoss& one) { return one.through >= loss.through; });
  if (losses_.size() == kMaxStreamLosses) losses_.erase(losses_.begin());
  losses_.push_back(loss);
  return true;
}

void StreamNumbers::forget_after(std::uint64_t in_stream) {
  std::erase_if(losses_, [&](const StreamLoss& one) { return one.mark > in_stream; });
}

std::uint64_t StreamNumbers::in_log(std::uint64_t in_stream) const {
  const auto last =
      std::find_if(losses_.rbegin(), losses_.rend(), [&](const StreamLoss& loss) { return loss.through < in_stream; });
  return last == losses_.rend() ? in_stream : last->next + (in_stream - last->through - 1);
}

std::uint64_t StreamNumbers::in_stream(std::uint64_t in_log) const {
  const auto last =
      std::find_if(losses_.rbegin(), losses_.rend(), [&](const StreamLoss& loss) { return loss.next <= in_log; });
  const std::uint64_t found = last == losses_.rend() ? in_log : in_log - last->next + last->through + 1;
  return last == losses_.rbegin() ? found : std::min(found, std::prev(last)->through);
}

std::optional<std::uint64_t> StreamNumbers::first_after(std::uint64_t in_log) const {
  const std::uint64_t before = in_stream(in_log);
  if (this->in_log(before) == in_log) return std::nullopt;
  const std::uint64_t next = this->in_log(before + 1);
  // The last void number is no entry's: a reader there has seen everything before the loss.
  return in_log + 1 < next ? std::optional(next) : std::nullopt;
}

std::string StreamNumbers::generation(std::uint64_t in_stream) const {
  const auto last =
      std::find_if(losses_.rbegin(), losses_.rend(), [&](const StreamLoss& loss) { return loss.through < in_stream; });
  return last == losses_.rend() ? std::string() : '.' + std::to_string(last->next);
}

}  // namespace millrace
