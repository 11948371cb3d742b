#include "settings.h"

#include <algorithm>
#include <sstream>
#include <string_view>

namespace millrace::cli {

namespace {

constexpr std::size_t kLineColumns = 100;

// The text as comment lines.
std::string comment_of(const std::string& text) {
  std::istringstream words(text);
  std::string lines;
  std::string line = "#";
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kLineColumns) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return lines + line + "\n";
}

}  // namespace

std::string place_of(const std::string& option, const Settings& settings) {
  const auto setting =
      std::find_if(settings.begin(), settings.end(), [&](const Setting& one) { return one.option == option; });
  if (setting == settings.end() || setting->is_default() || setting->source == "command line") return {};
  return " (" + setting->source + ")";
}

std::string settings_as_file(const std::string& section, const Settings& settings) {
  std::string text = "[" + section + "]\n";
  for (const Setting& setting : settings) {
    text += setting.key() + " = " + setting.shown + "  # " + setting.source + "\n";
  }
  return text;
}

std::string settings_as_template(const std::string& section, const Settings& settings) {
  std::string text = "[" + section + "]\n";
  for (const Setting& setting : settings) {
    text += "\n" + comment_of(setting.meaning) + "#" + setting.key() + " = " + setting.shown + "\n";
  }
  return text;
}

std::string settings_that_differ(const Settings& settings) {
  std::string text;
  for (const Setting& setting : settings) {
    if (setting.is_default()) continue;
    text += (text.empty() ? "" : ", ") + setting.key() + "=" + setting.shown;
  }
  return text.empty() ? "none" : text;
}

}  // namespace millrace::cli
