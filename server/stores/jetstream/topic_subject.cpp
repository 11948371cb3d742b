#include "topic_subject.h"

#include <algorithm>
#include <utility>

#include "millrace/core/topic.h"

namespace millrace {

namespace {

// Stands for an empty segment, because NATS has no empty tokens. Unambiguous, because it is an incomplete escape.
constexpr std::string_view kEmptySegment = "%";

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         byte >= 0x80;
}

// Upper case only: each character has one escape.
std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

}  // namespace

std::string escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (is_plain(c)) {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 0xf]);
  }
  return escaped;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_plain(text[i])) {
      plain += text[i];
      continue;
    }
    if (text[i] != '%' || text.size() - i < 3) return std::nullopt;
    const auto high = digit(text[i + 1]);
    const auto low = digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    const char c = static_cast<char>(*high << 4 | *low);
    if (is_plain(c)) return std::nullopt;
    plain += c;
    i += 2;
  }
  return plain;
}

std::string topic_subject(std::string_view pattern) {
  std::string subject;
  while (true) {
    const std::size_t slash = pattern.find('/');
    const std::string_view segment = pattern.substr(0, slash);
    if (segment == "*") {
      subject += '*';
    } else if (segment == "**") {
      subject += '>';
    } else {
      subject += segment.empty() ? std::string(kEmptySegment) : escape(segment);
    }
    if (slash == std::string_view::npos) return subject;
    subject += '.';
    pattern.remove_prefix(slash + 1);
  }
}

std::optional<OwnedTopic> subject_topic(std::string_view subject) {
  std::string topic;
  while (true) {
    const std::size_t dot = subject.find('.');
    const std::string_view token = subject.substr(0, dot);
    if (token != kEmptySegment) {
      const auto segment = unescape(token);
      if (!segment || segment->empty() || segment->find('/') != std::string::npos) return std::nullopt;
      topic += *segment;
    }
    if (dot == std::string_view::npos) break;
    topic += '/';
    subject.remove_prefix(dot + 1);
  }
  return OwnedTopic::parse(std::move(topic));
}

}  // namespace millrace
