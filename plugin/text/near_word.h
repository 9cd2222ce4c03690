// The word that somebody meant who typed another one.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_TEXT_NEAR_WORD_H_
#define SESSION_STATUS_PLUGIN_TEXT_NEAR_WORD_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::text {

// The word nearest to `typed`, case aside, if near enough to be a slip of the finger; else empty.
// One letter of three may be wrong, missing, too many or in its neighbour's place. A word that
// `typed` begins is near.
std::string Nearest(absl::string_view typed, const std::vector<absl::string_view>& words);

template <typename Words>
std::string Nearest(absl::string_view typed, const Words& words) {
  return Nearest(typed, std::vector<absl::string_view>(words.begin(), words.end()));
}

}  // namespace session_status::text

#endif  // SESSION_STATUS_PLUGIN_TEXT_NEAR_WORD_H_
