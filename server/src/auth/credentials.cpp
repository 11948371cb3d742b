#include "credentials.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <stdexcept>

#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

constexpr std::string_view kScheme = "bearer ";

}  // namespace

std::string bearer_token(const httplib::Request& request) {
  if (request.get_header_value_count("Authorization") != 1) return {};
  const std::string value = request.get_header_value("Authorization");
  const bool is_bearer = value.size() > kScheme.size() &&
                         std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char expected, char c) {
                           return expected == std::tolower(static_cast<unsigned char>(c));
                         });
  if (!is_bearer) return {};
  const std::size_t begin = value.find_first_not_of(' ', kScheme.size());
  return begin == std::string::npos ? std::string() : value.substr(begin);
}

std::string cookie(const httplib::Request& request, std::string_view name) {
  const auto [begin, end] = request.headers.equal_range("Cookie");
  for (auto header = begin; header != end; ++header) {
    std::string_view rest = header->second;
    while (!rest.empty()) {
      const std::size_t semicolon = rest.find(';');
      std::string_view pair = rest.substr(0, semicolon);
      rest.remove_prefix(semicolon == std::string_view::npos ? rest.size() : semicolon + 1);
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
        return std::string(pair.substr(name.size() + 1));
      }
    }
  }
  return {};
}

bool is_bearer_token(std::string_view text) {
  constexpr std::string_view kSymbols = "-._~+/";
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  return !body.empty() && std::all_of(body.begin(), body.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSymbols.find(c) != std::string_view::npos;
  });
}

std::string read_key_file(const std::string& path, std::string_view option) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxKeyFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    throw InvalidOption(std::string(option), "cannot read \"" + path + '"');
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxKeyFileBytes) {
    throw InvalidOption(std::string(option),
                        "\"" + path + "\" is larger than " + std::to_string(kMaxKeyFileBytes) + " bytes");
  }
  return text;
}

}  // namespace millrace
