#include "manual.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "configuration.h"

namespace millrace::cli {

namespace {

using Commands = std::vector<const CLI::App*>;

Commands commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

bool is_positional(const CLI::Option& option) {
  return option.get_lnames().empty() && option.get_snames().empty();
}

bool takes_value(const CLI::Option& option) {
  return option.get_expected_max() > 0 && option.get_items_expected_max() > 0;
}

// `full` and `normal` of an option whose type reads TEXT:{full,normal}.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find(":{");
  const std::size_t end = type.find('}', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 2, end - begin - 2), ',');
}

std::string value_name(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::string name = type.substr(0, type.find_first_of(": "));
  return name.empty() ? "VALUE" : name;
}

// --- Manual pages ---------------------------------------------------------------------------------------------------

// Text of a page: no character of it is a command of roff.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
  return escaped;
}

std::string heading(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return ".TH " + upper + " 1 \"\" \"millrace " MILLRACE_VERSION "\" \"Millrace\"\n";
}

std::string option_entry(const CLI::App& command, const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "" : ", ") + ("-" + name);
  for (const std::string& name : option.get_lnames()) names += (names.empty() ? "" : ", ") + ("--" + name);
  std::string entry = ".TP\n\\fB" + roff(is_positional(option) ? option.get_name() : names) + "\\fR";
  if (!is_positional(option) && takes_value(option)) entry += " \\fI" + roff(value_name(option)) + "\\fR";
  entry += "\n" + roff(option.get_description()) + ".";
  const auto choices = choices_of(option);
  if (!choices.empty()) entry += " One of " + roff(CLI::detail::join(choices, ", ")) + ".";
  if (!option.get_default_str().empty()) entry += " Default: " + roff(option.get_default_str()) + ".";
  if (command.get_name() == "serve" && option.get_configurable()) {
    entry += "\n.br\nEnvironment: \\fB" + roff(environment_name("--" + option.get_lnames().front())) + "\\fR";
  }
  return entry + "\n";
}

std::string see_also(const CLI::App& app, const std::string& own) {
  std::string text = ".SH SEE ALSO\n";
  std::string pages;
  const auto add = [&](const std::string& page) {
    if (page != own) pages += (pages.empty() ? "" : ",\n") + (".BR " + roff(page) + " (1)");
  };
  add("millrace");
  for (const CLI::App* command : commands_of(app)) add("millrace-" + command->get_name());
  return text + pages + "\n";
}

std::string command_page(const CLI::App& app, const CLI::App& command) {
  const std::string name = "millrace-" + command.get_name();
  std::string page = heading(name) + ".SH NAME\n" + roff(name) + " \\- " + roff(command.get_description()) +
                     "\n.SH SYNOPSIS\n\\fBmillrace " + roff(command.get_name()) + R"(\fR [\fIOPTION\fR]...)";
  for (const CLI::Option* option : command.get_options()) {
    if (is_positional(*option)) page += " \\fI" + roff(option->get_name()) + "\\fR";
  }
  page += "\n.SH OPTIONS\n";
  for (const CLI::Option* option : command.get_options()) page += option_entry(command, *option);
  page += ".TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR\nTOML file with options: in its section [" +
          roff(command.get_name()) + "] without the dashes. The command line wins over the file" +
          (command.get_name() == "serve" ? ", and the file over the environment.\n" : ".\n");
  page += ".SH EXIT STATUS\n0 success, 1 failure, 2 an option is invalid.\n";
  if (command.get_name() == "serve") {
    page += ".SH FILES\n.TP\n\\fI/etc/millrace/millrace.toml\\fR\nThe options of the service.\n";
  }
  return page + see_also(app, name);
}

std::string program_page(const CLI::App& app) {
  std::string page = heading("millrace") + ".SH NAME\nmillrace \\- " + roff(app.get_description()) +
                     "\n.SH SYNOPSIS\n\\fBmillrace\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n.SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) {
    page += ".TP\n\\fB" + roff(command->get_name()) + "\\fR\n" + roff(command->get_description()) + ".\n";
  }
  page += ".SH OPTIONS\n";
  for (const CLI::Option* option : app.get_options()) page += option_entry(app, *option);
  return page + ".SH EXIT STATUS\n0 success, 1 failure, 2 the command line is invalid.\n" + see_also(app, "millrace");
}

// --- Completions ----------------------------------------------------------------------------------------------------

std::string in_single_quotes(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string words(const CLI::App& command) {
  std::string text = "--config";
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) text += " --" + name;
  }
  return text;
}

std::string bash(const CLI::App& app) {
  std::string script =
      "# Completions of millrace for bash.\n"
      "_millrace() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  case $command:$before in\n";
  std::string names;
  for (const CLI::App* command : commands_of(app)) {
    names += (names.empty() ? "" : " ") + command->get_name();
    for (const CLI::Option* option : command->get_options()) {
      if (is_positional(*option) || !takes_value(*option)) continue;
      const std::string pattern = command->get_name() + ":--" + option->get_lnames().front();
      const auto choices = choices_of(*option);
      script += "    " + pattern + ") COMPREPLY=($(compgen " +
                (choices.empty() ? std::string("-f") : "-W " + in_single_quotes(CLI::detail::join(choices, " "))) +
                " -- \"$word\")); return ;;\n";
    }
  }
  script +=
      "    *:--config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n  esac\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W " +
      in_single_quotes(names + " --help --version --config") + " -- \"$word\")); return; fi\n  case $command in\n";
  for (const CLI::App* command : commands_of(app)) {
    script += "    " + command->get_name() + ") COMPREPLY=($(compgen -W " + in_single_quotes(words(*command)) +
              " -- \"$word\")) ;;\n";
  }
  return script + "  esac\n}\ncomplete -o default -F _millrace millrace\n";
}

std::string zsh(const CLI::App& app) {
  std::string script =
      "#compdef millrace\n# Completions of millrace for zsh.\n_millrace() {\n  local -a commands\n  commands=(\n";
  for (const CLI::App* command : commands_of(app)) {
    script += "    " + in_single_quotes(command->get_name() + ":" + command->get_description()) + "\n";
  }
  script += "  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n  case $words[2] in\n";
  const auto plain = [](std::string text) {
    for (const char c : {'[', ']', ':'}) std::replace(text.begin(), text.end(), c, ' ');
    return text;
  };
  for (const CLI::App* command : commands_of(app)) {
    script += "    " + command->get_name() + ")\n      _arguments '2:command:'";
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_lnames().empty()) continue;
      std::string spec = "--" + option->get_lnames().front() + "[" + plain(option->get_description()) + "]";
      if (takes_value(*option)) {
        const auto choices = choices_of(*option);
        spec = (option->get_expected_max() > 1 ? "*" : "") + spec + ":" + plain(value_name(*option)) + ":" +
               (choices.empty() ? "_files" : "(" + CLI::detail::join(choices, " ") + ")");
      }
      script += " \\\n        " + in_single_quotes(spec);
    }
    script += " ;;\n";
  }
  return script + "  esac\n}\n_millrace \"$@\"\n";
}

std::string fish(const CLI::App& app) {
  std::string script = "# Completions of millrace for fish.\n";
  for (const CLI::App* command : commands_of(app)) {
    script += "complete -c millrace -f -n __fish_use_subcommand -a " + in_single_quotes(command->get_name()) + " -d " +
              in_single_quotes(command->get_description()) + "\n";
  }
  for (const CLI::App* command : commands_of(app)) {
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_lnames().empty()) continue;
      script += "complete -c millrace -n '__fish_seen_subcommand_from " + command->get_name() + "' -l " +
                option->get_lnames().front();
      for (const std::string& name : option->get_snames()) script += " -s " + name;
      const auto choices = choices_of(*option);
      if (takes_value(*option)) script += " -r";
      if (!choices.empty()) script += " -f -a " + in_single_quotes(CLI::detail::join(choices, " "));
      script += " -d " + in_single_quotes(option->get_description()) + "\n";
    }
  }
  return script;
}

}  // namespace

std::vector<std::string> manual_kinds(const CLI::App& app) {
  std::vector<std::string> kinds{"man", "bash", "zsh", "fish"};
  for (const CLI::App* command : commands_of(app)) kinds.push_back("man-" + command->get_name());
  return kinds;
}

std::string manual(const CLI::App& app, const std::string& kind) {
  if (kind == "man") return program_page(app);
  if (kind == "bash") return bash(app);
  if (kind == "zsh") return zsh(app);
  if (kind == "fish") return fish(app);
  for (const CLI::App* command : commands_of(app)) {
    if (kind == "man-" + command->get_name()) return command_page(app, *command);
  }
  std::string kinds;
  for (const std::string& known : manual_kinds(app)) kinds += (kinds.empty() ? "" : ", ") + known;
  throw UsageError("KIND \"" + kind + "\" is unknown; expected one of " + kinds);
}

}  // namespace millrace::cli
