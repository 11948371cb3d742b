#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "base/option_time.h"
#include "file_event_log.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/file.h"
#include "stores/common/boot_id.h"
#include "system_folder.h"

namespace millrace {

std::shared_ptr<EventStore> open_file_log(const std::string& folder, const FileLogOptions& options) {
  if (folder.empty()) throw InvalidOption("open_file_log(folder)", "the path is empty; expected that of a folder");
  require_age(options.bounds.age, "FileLogOptions::bounds.age");
  try {
    auto files = std::make_shared<SystemFolder>(folder);
    files->make();
    files->lock();
    const std::string in_memory =
        is_in_memory(folder)
            ? "\"" + folder + "\" is on a file system in memory (tmpfs): the next start of the machine empties it"
            : "";
    return std::make_shared<FileEventLog>(
        FileEventLog::Options{.folder = std::move(files),
                              .sync = options.sync,
                              .bounds = options.bounds,
                              .new_epoch = new_store_epoch(),
                              .clock = [] { return std::chrono::system_clock::now(); },
                              .boot_id = machine_boot_id(),
                              .in_memory = in_memory,
                              .index_bytes = options.index_bytes});
  } catch (const std::runtime_error& failure) {
    throw StoreUnavailable("cannot open the store \"file:" + folder + "\": " + failure.what());
  }
}

}  // namespace millrace
