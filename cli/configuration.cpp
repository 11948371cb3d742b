#include "configuration.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "config_file.h"
#include "nearest_name.h"

namespace millrace::cli {

namespace {

constexpr std::string_view kPrefix = "MILLRACE_";
// Of `tail --exec`: a command that it starts may start a server.
constexpr std::array<std::string_view, 3> kOfEvents = {"MILLRACE_TYPE", "MILLRACE_ID", "MILLRACE_TOPIC"};

// --port of `-p,--port`; URL of a positional one.
std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name() : "--" + option.get_lnames().front();
}

std::string key_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name() : option.get_lnames().front();
}

bool is_list(const CLI::Option& option) {
  return option.get_expected_max() > 1;
}

bool is_flag(const CLI::Option& option) {
  return option.get_expected_min() == 0 && !is_list(option);
}

bool is_secret(const std::string& option) {
  return option == "--publish-key" || option == "--subscribe-key" || option == "--admin-key" || option == "--header";
}

std::vector<std::string> keys_of(const CLI::App& command) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_configurable()) keys.push_back(key_of(*option));
  }
  return keys;
}

CLI::Option* option_of(CLI::App& command, const std::string& key) {
  const auto found = command.get_options(
      [&](const CLI::Option* option) { return option->get_configurable() && key_of(*option) == key; });
  return found.empty() ? nullptr : found.front();
}

std::optional<bool> truth_of(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* yes : {"true", "yes", "on", "1"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"false", "no", "off", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

// The store without the user and the password of its URLs, and without a query, in which there may be another.
std::string without_credentials(const std::string& text) {
  if (text.find("://") == std::string::npos) return text;
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, std::min(end, text.find('?', at)) - at);
    const std::size_t scheme = part.find("://");
    const std::size_t from = scheme == std::string::npos ? 0 : scheme + 3;
    const std::size_t to = part.rfind('@');
    shown += to == std::string::npos || to < from ? part : part.substr(0, from) + "***" + part.substr(to);
    if (end < text.size()) shown += ',';
    at = end + 1;
  }
  return shown;
}

std::string in_quotes(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string shown(const CLI::Option& option, const std::vector<std::string>& values) {
  const std::string type = option.get_type_name();
  const bool is_number = type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT");
  const auto one = [&](const std::string& value) -> std::string {
    if (is_flag(option)) return truth_of(value).value_or(true) ? "true" : "false";
    if (is_number) return value;
    if (is_secret(name_of(option)) && !value.empty()) return "\"***\"";
    return in_quotes(name_of(option) == "--store" ? without_credentials(value) : value);
  };
  if (!is_list(option)) return one(values.empty() ? (is_flag(option) ? "false" : "") : values.front());
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + one(value);
  return "[" + list + "]";
}

// Kubernetes sets these for each Service in the namespace.
bool is_service_link(std::string_view name, std::string_view value) {
  return name.starts_with("MILLRACE_SERVICE_") || name.starts_with("MILLRACE_PORT_") ||
         (name == "MILLRACE_PORT" && value.find("://") != std::string_view::npos);
}

constexpr std::string_view kAboutServiceLinks =
    ": Kubernetes sets it for a Service named millrace; set enableServiceLinks: false in the pod's spec";

}  // namespace

std::string environment_name(const std::string& option) {
  std::string name = std::string(kPrefix) + option.substr(2);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return name;
}

Configuration::Configuration(CLI::App& app) : app_(app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (!option->get_required()) continue;
      required_.push_back(option);
      option->required(false);
    }
  }
}

void Configuration::restore_required() const {
  for (CLI::Option* option : required_) option->required();
}

void Configuration::apply(CLI::App& command, const std::string& file) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() > 0) sources_[option] = "command line";
  }
  if (!file.empty()) apply_file(command, file);
  if (command.get_name() == "serve") apply_environment(command);
  if (!problems_.empty()) throw InvalidConfiguration(std::exchange(problems_, {}));
  for (const CLI::Option* option : command.get_options()) {
    const bool is_required = std::find(required_.begin(), required_.end(), option) != required_.end();
    if (is_required && option->count() == 0) {
      throw UsageError(name_of(*option) + " is required; see millrace " + command.get_name() + " --help");
    }
  }
}

void Configuration::apply_file(CLI::App& command, const std::string& file) {
  ConfigFile content = read_config_file(file);
  problems_ = std::move(content.problems);
  std::vector<std::string> names;
  for (const CLI::App* known : sections()) names.push_back(known->get_name());
  for (const ConfigSection& one : content.sections) {
    if (section(one.name) == nullptr)
      refuse(one.place + ": [" + one.name + "]: no command has this name", one.name, names);
  }
  for (const ConfigEntry& entry : content.entries) {
    CLI::App* owner = section(entry.section);
    if (owner == nullptr) continue;
    CLI::Option* option = option_of(*owner, entry.key);
    if (option == nullptr) {
      refuse(entry.place + ": " + entry.key + ": [" + entry.section + "] has no option of this name", entry.key,
             keys_of(*owner));
    } else if (entry.is_list && !is_list(*option)) {
      problems_.push_back(entry.place + ": " + entry.key + ": expected one value instead of a list");
    } else if (owner == &command) {
      set(*option, entry.values, entry.place);
    }
  }
}

void Configuration::apply_environment(CLI::App& command) {
  std::map<std::string, CLI::Option*> known;
  for (CLI::Option* option : command.get_options()) {
    if (option->get_configurable()) known[environment_name(name_of(*option))] = option;
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string name(text.substr(0, text.find('=')));
    const std::string value(text.substr(std::min(text.size(), name.size() + 1)));
    const bool ours =
        name.starts_with(kPrefix) && std::find(kOfEvents.begin(), kOfEvents.end(), name) == kOfEvents.end();
    if (!ours || value.empty()) continue;
    if (is_service_link(name, value)) {
      problems_.push_back(name + std::string(kAboutServiceLinks));
    } else if (const auto option = known.find(name); option != known.end()) {
      set(*option->second, {value}, name);
    } else {
      std::vector<std::string> names;
      names.reserve(known.size());
      for (const auto& [one, of] : known) names.push_back(one);
      refuse("environment: " + name + ": no option has this name", name, names);
    }
  }
}

void Configuration::set(CLI::Option& option, const std::vector<std::string>& values, const std::string& source) {
  if (!sources_.emplace(&option, source).second || values.empty()) return;
  try {
    if (!is_flag(option)) {
      option.add_result(values);
    } else if (const auto truth = truth_of(values.front())) {
      option.add_result(*truth ? "true" : "false");
    } else {
      problems_.push_back(source + ": " + key_of(option) + ": expected true or false");
      return;
    }
    option.run_callback();
  } catch (const CLI::Error& error) {
    problems_.push_back(source + ": " + error.what());
  }
}

void Configuration::refuse(const std::string& sentence, const std::string& name,
                           const std::vector<std::string>& names) {
  problems_.push_back(sentence + did_you_mean(name, names));
}

std::vector<CLI::App*> Configuration::sections() const {
  return app_.get_subcommands([](const CLI::App* command) { return !keys_of(*command).empty(); });
}

CLI::App* Configuration::section(const std::string& name) const {
  const auto all = sections();
  const auto found = std::find_if(all.begin(), all.end(), [&](const CLI::App* one) { return one->get_name() == name; });
  return found == all.end() ? nullptr : *found;
}

Settings Configuration::settings(const CLI::App& command) const {
  Settings settings;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    const auto source = sources_.find(option);
    std::vector<std::string> values = option->results();
    if (values.empty() && !option->get_default_str().empty()) values.push_back(option->get_default_str());
    std::string text = shown(*option, values);
    settings.push_back({.option = name_of(*option),
                        .meaning = option->get_description(),
                        .values = std::move(values),
                        .shown = std::move(text),
                        .source = source == sources_.end() ? "default" : source->second});
  }
  return settings;
}

}  // namespace millrace::cli
