// A file that holds a secret, read only if it is a file and others cannot have it. One that would
// have to be waited for (a pipe) is refused like any other that is none.
//
// Threads: any; blocking for as long as the disk takes.
// Errors:  FailedPrecondition that begins with the path, and never tells of the content.
#ifndef SESSION_STATUS_PLUGIN_OS_SECRET_FILE_H_
#define SESSION_STATUS_PLUGIN_OS_SECRET_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace session_status::os {

// Whose the file may be; kOursOrRoot: this process' user's or root's.
enum class FileOwner : unsigned char { kOursOrRoot, kAnybodys };

struct SecretFileRule {
  size_t bytes_max;
  FileOwner owner = FileOwner::kAnybodys;
  bool open_to_group = false;  // true: its group may have access too
};

// `text` holds what was read, of a file that is refused too: WipeSecret() it in any case.
absl::Status ReadSecretFile(const std::string& path, const SecretFileRule& rule, std::string* text,
                            absl::Time* modified_at = nullptr);

// Overwrites the bytes, and makes the text empty.
void WipeSecret(std::string* text);

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_SECRET_FILE_H_
