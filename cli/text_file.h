// Small text files that an operator hands over.
#ifndef SESSION_STATUS_CLI_TEXT_FILE_H_
#define SESSION_STATUS_CLI_TEXT_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace session_status::cli {

inline constexpr size_t kTextFileBytesMax = 1 << 20;  // a policy has a few hundred

// The whole content. An error for what cannot be read to its end, a folder and the empty path too:
// a text that is empty is one of an empty file.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

// An error about what a file holds, with the file's name in front.
absl::Status InFile(const std::string& path, const absl::Status& error);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_TEXT_FILE_H_
