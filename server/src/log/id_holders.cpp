#include "id_holders.h"

#include <algorithm>

#include "millrace/server/limits.h"

namespace millrace {

namespace {

// The next text in byte order.
std::string next_text(std::string_view text) {
  return std::string(text).append(1, '\0');
}

// The first text after all texts that begin with the first `end` bytes of `topic`, where a segment begins.
std::optional<std::string> past(std::string_view topic, std::size_t end) {
  if (end == 0) return std::nullopt;
  std::string text(topic.substr(0, end));
  text.back() = '/' + 1;
  return text;
}

}  // namespace

std::optional<std::string> next_candidate(std::string_view pattern, std::string_view topic) {
  std::size_t begin = 0;  // of the current segment
  while (true) {
    const std::size_t end = std::min(topic.find('/', begin), topic.size());
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    const bool is_last = wanted.size() == pattern.size();
    if (wanted != "*" && wanted != "**" && wanted != topic.substr(begin, end - begin)) {
      std::string candidate(topic.substr(0, begin));
      candidate.append(wanted).append(is_last ? "" : "/");
      return candidate > topic ? candidate : past(topic, begin);
    }
    const bool topic_ends = end == topic.size();
    if (wanted == "**" || topic_ends) return next_text(topic);
    if (is_last) return past(topic, end + 1);
    begin = end + 1;
    pattern.remove_prefix(wanted.size() + 1);
  }
}

std::optional<std::uint64_t> oldest_holder(const TopicFilter& filter, const NextHolder& next) {
  std::optional<std::uint64_t> oldest;
  std::size_t looks = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    std::optional<std::string> topic = next_candidate(pattern.view(), "");
    std::string publisher;
    while (topic) {
      if (++looks > kMaxIdHolders) return std::nullopt;
      const auto holder = next(*topic, publisher);
      if (!holder) break;
      if (pattern.matches(holder->topic)) {
        oldest = std::min(oldest.value_or(holder->sequence), holder->sequence);
        topic = holder->topic.text();
        publisher = next_text(holder->publisher);
      } else {
        topic = next_candidate(pattern.view(), holder->topic.view());
        publisher.clear();
      }
    }
  }
  return oldest;
}

}  // namespace millrace
