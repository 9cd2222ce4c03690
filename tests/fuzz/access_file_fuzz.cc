// The access file: no crash, no quadratic work, and no error message that shows a secret. Whatever
// looks like a secret of the seeds ("Zq" and what follows) must not come back.
#include <string>

#include "absl/strings/match.h"
#include "plugin/auth/access_file.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using session_status::auth::AccessFile;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = AccessFile::Parse(text);
  if (!file.ok()) {
    FUZZ_CHECK(!file.status().message().empty());
    FUZZ_CHECK(!absl::StrContains(file.status().message(), "ZqSecret"));
    return 0;
  }
  FUZZ_CHECK((*file)->keys() <= 2 * ((*file)->users() + (*file)->accounts()));
  FUZZ_CHECK((*file)->FindKey("no such key") == nullptr);
  return 0;
}
