#include "program.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>

#include "admin_commands.h"
#include "bench.h"
#include "manual.h"
#include "nearest_name.h"
#include "publish.h"
#include "serve.h"
#include "store_command.h"
#include "tail.h"
#include "terminal_text.h"
#include "top.h"

namespace millrace::cli {

namespace {

constexpr char kDefaultConfig[] = "/etc/millrace/millrace.toml";

void complain(const std::string& problem) {
  std::cerr << "millrace: " << printable(problem) << '\n';
}

class Parsed {
 public:
  explicit Parsed(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {
    app_.set_version_flag("--version", "millrace " MILLRACE_VERSION);
    app_.require_subcommand(0, 1);
    app_.add_option("--config", config_file_,
                    "TOML file with options; a subcommand's options are in the section with its name")
        ->type_name("FILE")
        ->configurable(false);
    app_.fallthrough();
    add_serve(app_, command_, invocation_);
    add_tail(app_, command_);
    add_publish(app_, command_);
    add_bench(app_, command_);
    add_kick(app_, command_);
    add_topics(app_, command_);
    add_inspect(app_, command_);
    add_top(app_, command_);
    const auto settings_of_serve = [](const std::string& config_file) {
      std::vector<std::string> of_serve{"serve"};
      if (!config_file.empty()) of_serve.insert(of_serve.end(), {"--config", config_file});
      return Parsed(of_serve).read();
    };
    add_healthcheck(app_, command_, settings_of_serve);
    add_store(app_, command_, settings_of_serve);
    for (CLI::App* command : app_.get_subcommands([](CLI::App*) { return true; })) {
      command->footer("--config FILE: read options from a TOML file, from its section [" + command->get_name() + "]");
    }
    add_check_config();
    add_generate();
    configuration_.emplace(app_);
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  // Reads everything. Throws CLI::Success for --help and --version, and UsageError.
  const Settings& read() {
    try {
      app_.parse(std::vector<std::string>(arguments_.rbegin(), arguments_.rend()));
    } catch (const CLI::Success&) {
      configuration_->restore_required();
      throw;
    } catch (const CLI::ParseError& error) {
      throw UsageError(error.what() + hint());
    }
    if (!command_) throw UsageError("missing command: expected " + commands() + "; see millrace --help");
    CLI::App& chosen = *app_.get_subcommands().front();
    configuration_->apply(chosen, config_file_);
    invocation_.settings = configuration_->settings(chosen);
    invocation_.config_file = config_file_;
    return invocation_.settings;
  }

  int run() {
    try {
      read();
    } catch (const CLI::Success& request) {
      return app_.exit(request);
    }
    invocation_.read_again = [arguments = arguments_] { return Parsed(arguments).read(); };
    return command_();
  }

 private:
  void add_check_config() {
    CLI::App* check = app_.add_subcommand("check-config", "Check a file of options, and the environment, for serve");
    check->add_option("FILE", checked_file_, "TOML file with options")->capture_default_str()->configurable(false);
    check->callback([this] {
      command_ = [file = checked_file_] { return run_program({"serve", "--check-config", "--config", file}); };
    });
  }

  void add_generate() {
    CLI::App* generate = app_.add_subcommand("generate", "Print a manual page, or the completions of a shell");
    generate->add_option("KIND", kind_, "man, man-COMMAND, bash, zsh or fish")->required()->configurable(false);
    generate->callback([this] {
      command_ = [this] {
        std::cout << manual(app_, kind_);
        return kSuccess;
      };
    });
  }

  // The nearest name to the first word that the command line may not have; otherwise where to look.
  std::string hint() const {
    const auto chosen = app_.get_subcommands();
    const CLI::App& of = chosen.empty() ? app_ : *chosen.front();
    std::vector<std::string> names;
    for (const CLI::Option* option : of.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    if (chosen.empty()) {
      for (const CLI::App* one : app_.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(one->get_name());
      }
    }
    for (const std::string& word : app_.remaining(true)) {
      const std::string nearest = did_you_mean(word.substr(0, word.find('=')), names);
      if (!nearest.empty()) return nearest;
    }
    return "; see millrace" + (chosen.empty() ? "" : " " + of.get_name()) + " --help";
  }

  std::string commands() const {
    std::string text;
    const auto all = app_.get_subcommands([](const CLI::App*) { return true; });
    for (std::size_t i = 0; i < all.size(); ++i) {
      text += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + all[i]->get_name();
    }
    return text;
  }

  const std::vector<std::string> arguments_;
  CLI::App app_{"Server-Sent Events: serve, print and publish them", "millrace"};
  std::string config_file_;
  std::string checked_file_ = kDefaultConfig;
  std::string kind_;
  Invocation invocation_;
  Command command_;
  std::optional<Configuration> configuration_;
};

}  // namespace

int run_program(const std::vector<std::string>& arguments) {
  Parsed parsed(arguments);
  try {
    return parsed.run();
  } catch (const InvalidConfiguration& invalid) {
    for (const std::string& problem : invalid.problems()) complain(problem);
  } catch (const UsageError& error) {
    complain(error.what());
  }
  return kUsageError;
}

}  // namespace millrace::cli
