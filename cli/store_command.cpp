#include "store_command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "millrace/server/durability.h"
#include "millrace/server/store_access.h"
#include "store.h"
#include "store_lines.h"

namespace millrace::cli {

namespace {

struct StoreOptions {
  std::string action;
  std::string store;
  std::string schema;
  std::string file;
  bool dry_run = false;
  bool normal_sync = false;  // of a store that the options of serve name
};

// By the options of `serve`, if the command line names no store.
void take_from_serve(StoreOptions& options, const Settings& settings) {
  const auto value = [&](const std::string& option) {
    const auto found =
        std::find_if(settings.begin(), settings.end(), [&](const Setting& one) { return one.option == option; });
    return found == settings.end() || found->values.empty() ? std::string() : found->values.front();
  };
  options.store = value("--store");
  if (options.schema.empty()) options.schema = value("--store-schema");
  options.normal_sync = value("--sync") == "normal";
  if (options.store.empty()) {
    throw UsageError("STORE is missing: name one, such as sqlite:PATH, or --config FILE with the option store");
  }
}

std::string counted(std::uint64_t count, const char* one, const char* several) {
  return std::to_string(count) + " " + (count == 1 ? one : several);
}

std::string versions(const StoreDescription& store) {
  const std::string version = "version " + std::to_string(store.version);
  if (store.version == store.known_version) return version + ", this program's";
  return version + ", this program's is " + std::to_string(store.known_version) +
         ": `millrace store migrate` updates it, or the next start of the server";
}

int check(StoreAccess& store, const StoreOptions& options) {
  const StoreDescription found = store.describe();
  const Durability level = options.normal_sync ? Durability::kProcess : found.durability;
  std::cout << "tables      " << versions(found) << "\nlog         epoch " << found.epoch << ", "
            << counted(found.entries, "entry", "entries");
  if (found.entries > 0) std::cout << " from " << found.oldest;
  std::cout << ", head " << found.head << ", " << counted(found.retained_topics, "retained topic", "retained topics")
            << "\ndurability  " << name_of(level) << std::endl;
  const std::vector<std::string> damage = store.find_damage();
  for (const std::string& sentence : damage) std::cout << "DAMAGED     " << sentence << '\n';
  if (damage.empty()) std::cout << "integrity   no damage found\n";
  std::cout.flush();
  return damage.empty() ? kSuccess : kFailure;
}

int migrate(StoreAccess& store, const StoreOptions& options) {
  const StoreDescription before = store.describe();
  if (before.version == before.known_version) {
    std::cout << "nothing to do: the tables have " << versions(before) << std::endl;
    return kSuccess;
  }
  const std::string step =
      "from version " + std::to_string(before.version) + " to " + std::to_string(before.known_version);
  std::cout << (options.dry_run ? "rehearsing the update " : "updating the tables ") << step
            << (options.dry_run ? "" : "; older programs cannot open the store afterwards") << std::endl;
  store.update(options.dry_run ? StoreAccess::Update::kRehearse : StoreAccess::Update::kKeep);
  std::cout << (options.dry_run ? "it works; nothing was changed" : "done; the tables are sound") << std::endl;
  return kSuccess;
}

// Writes to standard output, or to a new file that takes its name once it is whole.
class ExportTarget {
 public:
  explicit ExportTarget(const std::string& file) : file_(file), new_(file + ".new") {
    if (file_.empty()) return;
    std::remove(new_.c_str());  // of an attempt that was killed
    stream_.open(new_, std::ios::binary | std::ios::trunc);
    check();
    // It has all that was published, whoever may subscribe to it.
    std::filesystem::permissions(new_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  ~ExportTarget() {
    if (!file_.empty() && !is_whole_) std::remove(new_.c_str());
  }
  ExportTarget(const ExportTarget&) = delete;
  ExportTarget& operator=(const ExportTarget&) = delete;

  void write(const std::string& text) {
    (file_.empty() ? std::cout : stream_) << text;
    check();
  }
  void finish() {
    (file_.empty() ? std::cout : stream_).flush();
    check();
    if (file_.empty()) return;
    stream_.close();
    if (std::rename(new_.c_str(), file_.c_str()) != 0) fail();
    is_whole_ = true;
  }

 private:
  void check() {
    if (!(file_.empty() ? std::cout : stream_)) fail();
  }
  [[noreturn]] void fail() const {
    throw std::runtime_error("cannot write " + (file_.empty() ? "standard output" : "\"" + file_ + "\"") + ": " +
                             std::strerror(errno));
  }

  const std::string file_;
  const std::string new_;
  std::ofstream stream_;
  bool is_whole_ = false;
};

int export_store(StoreAccess& store, const StoreOptions& options) {
  auto entries = store.read_after(0);
  const StoreDescription log = store.describe();  // of the same state
  ExportTarget output(options.file);
  std::uint64_t count = 0;
  output.write(head_line(log));
  while (!entries.empty()) {
    for (const StoreAccess::Entry& entry : entries) output.write(entry_line(log.epoch, entry));
    count += entries.size();
    entries = store.read_after(entries.back().entry.sequence);
  }
  output.write(end_line(count));
  output.finish();
  std::cerr << "millrace: exported " << counted(count, "entry", "entries") << '\n';
  return kSuccess;
}

int import_store(StoreAccess& store, const StoreOptions& options) {
  std::ifstream file;
  if (!options.file.empty()) {
    file.open(options.file, std::ios::binary);
    if (!file) throw UsageError("--file \"" + options.file + "\": " + std::strerror(errno));
  }
  StoreLines lines(options.file.empty() ? std::cin : file, options.file.empty() ? "standard input" : options.file);
  StoreDescription log = lines.store();
  log.head += kSequencesSkippedByRestore;
  store.fill(log, [&lines] { return lines.next(); });
  std::cerr << "millrace: imported " << counted(lines.entries(), "entry", "entries") << "; new events get IDs from "
            << log.epoch << '-' << log.head + 1 << " on\n";
  return kSuccess;
}

int run(const StoreOptions& options) {
  if (options.dry_run && options.action != "migrate") throw UsageError("--dry-run is for store migrate");
  if (!options.file.empty() && options.action != "export" && options.action != "import") {
    throw UsageError("--file is for store export and store import");
  }
  const auto store = access_store("STORE", options.store, options.schema);
  if (options.action == "check") return check(*store, options);
  if (options.action == "migrate") return migrate(*store, options);
  return options.action == "export" ? export_store(*store, options) : import_store(*store, options);
}

}  // namespace

void add_store(CLI::App& app, Command& command,
               std::function<Settings(const std::string& config_file)> settings_of_serve) {
  auto options = std::make_shared<StoreOptions>();
  CLI::App* store_app = app.add_subcommand(
      "store", "Check, update, back up or restore a store. Without STORE: the one that the options of serve name");
  store_app->add_option("ACTION", options->action, "check, migrate, export or import")
      ->required()
      ->check(CLI::IsMember({"check", "migrate", "export", "import"}))
      ->configurable(false);
  store_app->add_option("STORE", options->store, "sqlite:PATH, file:DIR or postgres://HOST[:PORT]/DATABASE")
      ->configurable(false);
  store_app->add_option("--schema", options->schema, "Schema of the tables in PostgreSQL")->configurable(false);
  store_app->add_option("--file", options->file, "File to export to, or import from; default: the standard streams")
      ->type_name("FILE")
      ->configurable(false);
  store_app->add_flag("--dry-run", options->dry_run, "With migrate: try the update, then undo it")->configurable(false);
  store_app->callback([options, &app, settings = std::move(settings_of_serve), &command] {
    command = [options, &app, settings] {
      if (options->store.empty()) take_from_serve(*options, settings(app.get_option("--config")->as<std::string>()));
      return run(*options);
    };
  });
}

}  // namespace millrace::cli
