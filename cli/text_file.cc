#include "cli/text_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "cli/checks.h"

namespace session_status::cli {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  if (path.empty()) return absl::NotFoundError("the name of a file is empty");
  if (const std::string why = WhyUnreadable(path); !why.empty()) return absl::NotFoundError(why);
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  std::string text(kTextFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::DataLossError(absl::StrCat(path, ": ", std::strerror(errno)));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kTextFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": larger than ", kTextFileBytesMax, " bytes"));
  }
  return text;
}

absl::Status InFile(const std::string& path, const absl::Status& error) {
  return absl::Status(error.code(), absl::StrCat(path, ": ", error.message()));
}

}  // namespace session_status::cli
