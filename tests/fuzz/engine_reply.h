// What targets that play the fleet's engine share.
#ifndef SESSION_STATUS_TESTS_FUZZ_ENGINE_REPLY_H_
#define SESSION_STATUS_TESTS_FUZZ_ENGINE_REPLY_H_

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace session_status::fleet {

// An announced length is memory at once: real ones are bounded by what the engine has.
inline bool AnnouncesMuch(absl::string_view bytes) {
  constexpr size_t kDigitsMax = 4;
  for (size_t at = 0; (at = bytes.find_first_of("*%~>$", at)) != absl::string_view::npos; ++at) {
    size_t digits = 0;
    while (at + 1 + digits < bytes.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(bytes[at + 1 + digits]))) {
      ++digits;
    }
    if (digits > kDigitsMax) return true;
  }
  return false;
}

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_TESTS_FUZZ_ENGINE_REPLY_H_
