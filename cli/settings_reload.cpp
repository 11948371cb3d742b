#include "settings_reload.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "configuration.h"
#include "millrace/server/invalid_option.h"
#include "option_names.h"

namespace millrace::cli {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

auto with(const std::string& option) {
  return [&option](const Setting& setting) { return setting.option == option; };
}

}  // namespace

std::vector<std::string> values_of(const Settings& settings, const std::string& option) {
  const auto found = std::find_if(settings.begin(), settings.end(), with(option));
  return found == settings.end() ? std::vector<std::string>() : found->values;
}

SettingsReload::SettingsReload(const Invocation& invocation, std::vector<Live> live)
    : invocation_(invocation), live_(std::move(live)), running_(invocation.settings) {}

bool SettingsReload::reload() {
  const auto complain = [](const std::string& problem) {
    spdlog::error("could not reload the options; the old ones stay in use: {}", problem);
  };
  try {
    const Settings now = invocation_.read_again();
    const Settings differing = this->differing(now);
    const auto is_of = [](const Live& live) {
      return [&live](const Setting& setting) { return contains(live.options, setting.option); };
    };
    // First, since the log may become less talkative.
    for (const Setting& setting : differing) {
      const bool is_live =
          std::any_of(live_.begin(), live_.end(), [&](const Live& live) { return is_of(live)(setting); });
      if (is_live) continue;
      spdlog::warn("{} is {} in the options now ({}), and {} in this process: restart it to apply the change",
                   setting.option, setting.shown, setting.source, running(setting.option).shown);
    }
    for (const Live& live : live_) {
      Settings its;
      std::copy_if(differing.begin(), differing.end(), std::back_inserter(its), is_of(live));
      if (!its.empty()) follow(live, its, now);
    }
    return true;
  } catch (const InvalidConfiguration& invalid) {
    for (const std::string& problem : invalid.problems()) complain(problem);
  } catch (const std::exception& failure) {
    complain(failure.what());
  }
  return false;
}

Settings SettingsReload::differing(const Settings& now) const {
  Settings differing;
  for (const Setting& setting : now) {
    const auto running = std::find_if(running_.begin(), running_.end(), with(setting.option));
    if (running != running_.end() && running->values != setting.values) differing.push_back(setting);
  }
  return differing;
}

Setting& SettingsReload::running(const std::string& option) {
  return *std::find_if(running_.begin(), running_.end(), with(option));
}

void SettingsReload::follow(const Live& live, const Settings& differing, const Settings& now) {
  try {
    live.apply(now);
  } catch (const InvalidOption& failure) {
    return spdlog::error("could not reload {}; the old value stays in use: {}", differing.front().option,
                         sentence_of(failure));
  }
  for (const Setting& setting : differing) {
    spdlog::info("{} is now {} ({})", setting.option, setting.shown, setting.source);
    running(setting.option) = setting;
  }
}

}  // namespace millrace::cli
