// LockFile: lets only one program at a time use a store. The system releases it, however the program ends.
#pragma once

#include <string>

namespace millrace {

class LockFile {
 public:
  /// Makes the file where there is none. Throws std::runtime_error if another program has it, or it cannot be made.
  explicit LockFile(const std::string& path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

 private:
  int file_;
};

}  // namespace millrace
