// Configuration: what a file and the environment say, for options that are not on the command line.
//
// The options of the subcommands are the one schema: what they do not have is an error, with its place and the nearest
// right name. The command line wins over the file, and the file over the environment, which is for `serve` only.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "settings.h"

namespace millrace::cli {

/// What is wrong with a file and the environment, one sentence each.
class InvalidConfiguration : public UsageError {
 public:
  explicit InvalidConfiguration(std::vector<std::string> problems)
      : UsageError(problems.front()), problems_(std::move(problems)) {}
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

/// MILLRACE_MAX_CONNECTIONS for `--max-connections`.
std::string environment_name(const std::string& option);

class Configuration {
 public:
  /// Takes over from `app`, before it parses the command line, which options a subcommand requires: a file may have
  /// them. Both must stay at their addresses.
  explicit Configuration(CLI::App& app);

  /// Declares them required again, for the text of --help.
  void restore_required() const;

  /// After the command line has been parsed: sets the other options of `command` by the file, unless its name is
  /// empty, and of `serve` by the environment. Throws UsageError, or InvalidConfiguration with all that is wrong.
  void apply(CLI::App& command, const std::string& file);

  /// What counts for `command`, after apply(); of options that a file can have.
  Settings settings(const CLI::App& command) const;

 private:
  void apply_file(CLI::App& command, const std::string& file);
  void apply_environment(CLI::App& command);
  void set(CLI::Option& option, const std::vector<std::string>& values, const std::string& source);
  void refuse(const std::string& sentence, const std::string& name, const std::vector<std::string>& names);
  std::vector<CLI::App*> sections() const;
  CLI::App* section(const std::string& name) const;

  CLI::App& app_;
  std::vector<CLI::Option*> required_;
  std::map<const CLI::Option*, std::string> sources_;
  std::vector<std::string> problems_;
};

}  // namespace millrace::cli
