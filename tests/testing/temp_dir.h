// A folder that goes away with its owner, and free loopback ports.
#ifndef SESSION_STATUS_TESTS_TESTING_TEMP_DIR_H_
#define SESSION_STATUS_TESTS_TESTING_TEMP_DIR_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace session_status::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;
  // Writes a file (mode 0600) and returns its path.
  std::string Write(absl::string_view name, absl::string_view content) const;

 private:
  std::string path_;
};

// The content of a file; empty if it cannot be read.
std::string ReadFile(const std::string& path);

// A TCP port on 127.0.0.1 that was free a moment ago, and was not given before by this process.
uint16_t FreePort();

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_TEMP_DIR_H_
