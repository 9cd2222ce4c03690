// Turns the text of one option into a value, or says what would be right. Every setter returns
// InvalidArgument whose message continues the sentence "option NAME: …".
//
// Threads: any; pure functions, but for the two that look at the file they are given.
#ifndef SESSION_STATUS_PLUGIN_OPTION_SETTERS_H_
#define SESSION_STATUS_PLUGIN_OPTION_SETTERS_H_

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status {

// "1s", "250ms", "1h30m" (Abseil's duration format), within [min, max].
absl::Status SetDuration(absl::string_view text, absl::Duration min, absl::Duration max,
                         absl::Duration* out);

// A whole decimal number within [min, max], nothing else around it.
absl::Status SetInteger(absl::string_view text, int64_t min, int64_t max, int64_t* out);
template <typename T>
absl::Status SetInteger(absl::string_view text, int64_t min, int64_t max, T* out) {
  int64_t value = 0;
  absl::Status status = SetInteger(text, min, max, &value);
  if (status.ok()) *out = static_cast<T>(value);
  return status;
}

absl::Status SetBool(absl::string_view text, bool* out);                 // true or false
absl::Status SetFileMode(absl::string_view text, mode_t* out);           // octal, "0660"
absl::Status SetAbsolutePath(absl::string_view text, std::string* out);  // or "none"
absl::Status SetDatabasePath(absl::string_view text, std::string* out);  // the same, of no folder
absl::Status SetCaFile(absl::string_view text, std::string* out);        // the same, of a PEM file
absl::Status SetText(absl::string_view text, size_t bytes_max, std::string* out);
// Letters, digits and ._- only: becomes part of a key somewhere.
absl::Status SetName(absl::string_view text, size_t bytes_max, std::string* out);

// One of the named values.
absl::Status NoSuchChoice(absl::string_view text, const std::vector<absl::string_view>& names);
template <typename T>
absl::Status SetChoice(absl::string_view text,
                       std::initializer_list<std::pair<absl::string_view, T>> choices, T* out) {
  std::vector<absl::string_view> names;
  for (const auto& [name, value] : choices) {
    names.push_back(name);
    if (text != name) continue;
    *out = value;
    return absl::OkStatus();
  }
  return NoSuchChoice(text, names);
}

absl::Status SetNameOrNone(absl::string_view text, std::string* out);  // "none": empty

// The beginning of a web address, http://... or https://..., or "none": empty.
absl::Status SetWebPage(absl::string_view text, std::string* out);

// Blank- or comma-separated words; "none" is the empty list.
absl::Status SetWords(absl::string_view text, size_t words_max, std::vector<std::string>* out);
// The same where no words mean everybody: only "none" says so, a list of separators does not.
absl::Status SetSomeWords(absl::string_view text, size_t words_max, std::vector<std::string>* out);
// The same of names in certificates, each in full: OpenSSL would take one that begins with a dot
// for all below it, and one with * for nobody.
absl::Status SetCertificateNames(absl::string_view text, size_t words_max,
                                 std::vector<std::string>* out);

// Words of the form 127.0.0.1:PORT, [::1]:PORT or *:PORT.
absl::Status SetAddresses(absl::string_view text, size_t words_max, std::vector<std::string>* out);
bool IsLoopbackAddress(absl::string_view address_and_port);

// Whole numbers as words.
absl::Status SetIds(absl::string_view text, size_t words_max, std::vector<uint32_t>* out);

// Words of the form PORT=NAME.
absl::Status SetPortNames(absl::string_view text, size_t words_max,
                          std::vector<std::pair<uint16_t, std::string>>* out);

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OPTION_SETTERS_H_
