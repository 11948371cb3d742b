#include "config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "command.h"

namespace millrace::cli {

namespace {

std::string text_in(const std::string& path) {
  const auto fail = [&path](const std::string& why) {
    throw UsageError("--config: cannot read \"" + path + "\": " + why);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (file == nullptr) fail(std::strerror(errno));
  std::string text(kMaxConfigFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) fail(std::strerror(errno));
  if (text.size() > kMaxConfigFileBytes) {
    fail("it has more than " + std::to_string(kMaxConfigFileBytes) + " bytes; check that it is a file of options");
  }
  return text;
}

// The library's sentence, and what most often causes it.
std::string describe(const toml::parse_error& error) {
  std::string text = "not valid TOML: " + std::string(error.description());
  if (text.find("value") != std::string::npos) text += "; text needs quotes, such as host = \"127.0.0.1\"";
  return text;
}

std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", number->get());
    return text;
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  ConfigFile read() {
    const toml::table root = parse();
    for (const auto& [key, node] : root) {
      const std::string name(key.str());
      if (const toml::table* section = node.as_table()) {
        file_.sections.push_back({name, place_of(key)});
        for (const auto& [entry, value] : *section) add(name, entry, value);
      } else {
        complain(place_of(key), name, "an option belongs in the section of its command: write [serve] above it");
      }
    }
    // The library sorts by name.
    std::stable_sort(file_.entries.begin(), file_.entries.end(),
                     [](const ConfigEntry& a, const ConfigEntry& b) { return a.line < b.line; });
    return std::move(file_);
  }

 private:
  toml::table parse() const {
    try {
      return toml::parse(std::string_view(text_), path_);
    } catch (const toml::parse_error& error) {
      const toml::source_position& at = error.source().begin;
      throw UsageError(path_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                       describe(error));
    }
  }

  std::string place_of(const toml::key& key) const { return path_ + ":" + std::to_string(key.source().begin.line); }

  void complain(const std::string& place, const std::string& name, const std::string& why) {
    file_.problems.push_back(place + ": " + name + ": " + why);
  }

  void add(const std::string& section, const toml::key& key, const toml::node& node) {
    ConfigEntry entry{.section = section,
                      .key = std::string(key.str()),
                      .values = {},
                      .place = place_of(key),
                      .line = key.source().begin.line};
    const auto add_value = [&](const toml::node& value) {
      const auto text = text_of(value);
      if (text) entry.values.push_back(*text);
      return text.has_value();
    };
    bool valid = true;
    if (const toml::array* list = node.as_array()) {
      entry.is_list = true;
      for (const toml::node& value : *list) valid = valid && add_value(value);
    } else {
      valid = add_value(node);
    }
    if (valid) return file_.entries.push_back(std::move(entry));
    complain(entry.place, entry.key, "expected a text in quotes, a number, true or false, or a list of these");
  }

  const std::string& path_;
  const std::string text_ = text_in(path_);
  ConfigFile file_;
};

}  // namespace

ConfigFile read_config_file(const std::string& path) {
  return Reader(path).read();
}

}  // namespace millrace::cli
