#include "settings_reload.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>

#include "configuration.h"

namespace millrace::cli {

SettingsReload::SettingsReload(const Invocation& invocation) : invocation_(invocation), running_(invocation.settings) {}

bool SettingsReload::reload() {
  const auto complain = [](const std::string& problem) {
    spdlog::error("could not reload the options, and keeps the old ones: {}", problem);
  };
  try {
    for (const Setting& setting : invocation_.read_again()) follow(setting);
    return true;
  } catch (const InvalidConfiguration& invalid) {
    for (const std::string& problem : invalid.problems()) complain(problem);
  } catch (const std::exception& failure) {
    complain(failure.what());
  }
  return false;
}

void SettingsReload::follow(const Setting& now) {
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [&](const Setting& setting) { return setting.option == now.option; });
  if (running == running_.end() || running->values == now.values) return;
  if (now.option == "--log-level") {
    *running = now;
    spdlog::set_level(spdlog::level::from_str(now.values.front()));
    return spdlog::info("{} is now {} ({})", now.option, now.shown, now.source);
  }
  spdlog::warn("{} is {} in the options now ({}), and {} in this process: restart it to apply the change", now.option,
               now.shown, now.source, running->shown);
}

}  // namespace millrace::cli
