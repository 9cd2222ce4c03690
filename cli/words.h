// The words of the command line: names of enumerators, points in time.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_WORDS_H_
#define SESSION_STATUS_CLI_WORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"

namespace session_status::cli {

// An enumeration of the service as words: SESSION_STATE_OFFLINE_SESSION_KEPT is
// "offline_session_kept". The first enumerator (unknown, none) is left out.
class EnumWords {
 public:
  explicit EnumWords(const google::protobuf::EnumDescriptor* descriptor);

  const std::vector<std::string>& words() const { return words_; }
  // Of one of words().
  int NumberOf(const std::string& word) const;
  // "unknown value 7" cannot happen to a reader of an older version: then it is the number.
  std::string WordOf(int number) const;

 private:
  const google::protobuf::EnumDescriptor* descriptor_;
  std::string prefix_;
  std::vector<std::string> words_;
};

// A point in time as people write it: "2026-01-02" (midnight UTC), "2026-01-02T03:00:00Z", or how
// long ago: "90s", "15m", "2h", "7d".
absl::StatusOr<absl::Time> ParseWhen(absl::string_view text, absl::Time now);

// A place in the change feed: "EPOCH-SEQUENCE", as server-sent events have it for their id, or
// "SEQUENCE" (epoch 0: of whichever life of the broker).
struct FeedPlace {
  int64_t epoch = 0;
  uint64_t sequence = 0;
};
absl::StatusOr<FeedPlace> ParseFeedPlace(absl::string_view text);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_WORDS_H_
